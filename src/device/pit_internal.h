/* SPDX-License-Identifier: Apache-2.0 */
/* One counter of the 8254, as a function of time. */
#ifndef DEVICE_PIT_INTERNAL_H
#define DEVICE_PIT_INTERNAL_H

#include <trivet/device/pit.h>

#define PIT_HZ 1193182u

enum pit_access { PIT_LOW = 1, PIT_HIGH = 2, PIT_WORD = 3 };

struct pit_counter {
	u8 mode; /* 0..5 */
	u8 access;
	bool bcd, gate;
	u32 count;    /* 1..65536, or 1..10000 in BCD */
	bool null;    /* a count was asked for and is not there yet */
	bool started; /* counts, or has counted to its end */
	bool paused;  /* by a low gate, after `elapsed` ticks */
	u64 elapsed;
	u64 start_ns;

	bool write_high, read_high; /* the second byte of a word is next */
	u8 low;			    /* first byte written */
	u16 latch;
	u8 latch_bytes; /* still to be read */
	u8 status;
	bool status_latched;
};

/* Power-up. */
void pit_counter_reset(struct pit_counter *c, bool gate);
/* Control word (bits 5:0 of it). */
void pit_counter_control(struct pit_counter *c, u8 word);
void pit_counter_latch(struct pit_counter *c, u64 now);
void pit_counter_latch_status(struct pit_counter *c, u64 now);
void pit_counter_set_gate(struct pit_counter *c, bool gate, u64 now);
u8 pit_counter_read(struct pit_counter *c, u64 now);
void pit_counter_write(struct pit_counter *c, u8 v, u64 now);

/* The OUT pin. */
bool pit_counter_out(const struct pit_counter *c, u64 now);
bool pit_counter_periodic(const struct pit_counter *c);
/* Ticks since the count began, and the time of a tick. */
u64 pit_counter_ticks(const struct pit_counter *c, u64 now);
u64 pit_counter_tick_ns(const struct pit_counter *c, u64 tick);
/* The tick at which OUT rises for the first time, or TIMER_NEVER. */
u64 pit_counter_first_rise(const struct pit_counter *c);

#endif
