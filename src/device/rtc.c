/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time clock and CMOS RAM: Motorola MC146818A data sheet. The time is the
 * host's plus an offset that the guest's writes set; flags are worked out when
 * looked at, and a timer runs only for an enabled interrupt whose flag is clear.
 */
#include "rtc_internal.h"
#include "port8.h"

#include <trivet/string.h>

#define RTC_PORT 0x70
#define RTC_LINE 8
#define NVRAM_SIZE 128
/* The RAM bytes tell of memory below this and above 4 GiB apart. */
#define LOW_RAM_MAX GIB(3)

enum {
	REG_SEC, REG_SEC_ALARM, REG_MIN, REG_MIN_ALARM, REG_HOUR, REG_HOUR_ALARM,
	REG_WDAY, REG_DAY, REG_MONTH, REG_YEAR, REG_A, REG_B, REG_C, REG_D,
	REG_CENTURY = 0x32
};

#define A_UIP 0x80
#define A_RATE 0x0f
#define A_DIVIDER_RESET 0x60 /* both bits set */
#define A_POWER_UP 0x26	     /* 32768 Hz, periodic rate 1024 Hz */

#define B_24H 0x02
#define B_BINARY 0x04
#define B_SQWE 0x08
#define B_UIE 0x10
#define B_AIE 0x20
#define B_PIE 0x40
#define B_SET 0x80
#define B_INTERRUPTS (B_UIE | B_AIE | B_PIE) /* and the flags in C */

#define C_IRQF 0x80
#define D_VALID_RAM 0x80

#define HOUR_PM 0x80
#define ALARM_ANY 0xc0

#define UIP_NS 244000u

struct rtc {
	void (*alarm_hook)(void *ctx);
	void *alarm_ctx;
	struct vm *vm;
	u64 ram_bytes;
	u8 index;
	u8 nvram[NVRAM_SIZE]; /* the time registers live elsewhere */
	u8 a, b, c;

	s64 offset_sec;	      /* guest's time - host's */
	u32 offset_ns;
	unsigned wday_shift;  /* guest's day of the week, relative to the date's */
	bool stopped;	      /* SET, or the divider held in reset */
	struct rtc_date held; /* the time while stopped */

	s64 seen_sec; /* flags are worked out up to here */
	u64 seen_tick;
	struct timer timer;
};

/* --- time ------------------------------------------------------------------ */

static s64 guest_seconds(const struct rtc *r, u32 *ns)
{
	u64 total = platform_wallclock_ns() + r->offset_ns;

	*ns = (u32)(total % NS_PER_SEC);
	return (s64)(total / NS_PER_SEC) + r->offset_sec;
}

static void rtc_now(const struct rtc *r, struct rtc_date *d)
{
	u32 ns;

	if (r->stopped) {
		*d = r->held;
		return;
	}
	rtc_date_from_seconds(d, guest_seconds(r, &ns));
	d->wday = (d->wday - 1 + r->wday_shift) % 7 + 1;
}

static void rtc_set_time(struct rtc *r, const struct rtc_date *d)
{
	s64 seconds = rtc_date_to_seconds(d);
	struct rtc_date real;
	u32 ns;

	r->offset_sec += seconds - guest_seconds(r, &ns);
	r->seen_sec = seconds;
	rtc_date_from_seconds(&real, seconds);
	r->wday_shift = (d->wday + 7 * 64 - real.wday) % 7;
}

static bool divider_held(const struct rtc *r)
{
	return (r->a & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

/* Out of divider reset the first update comes half a second later. */
static void rtc_release_divider(struct rtc *r)
{
	u32 ns;

	guest_seconds(r, &ns);
	r->offset_ns = (u32)((r->offset_ns + NS_PER_SEC + NS_PER_SEC / 2 - ns) %
			     NS_PER_SEC);
}

/* Starts or stops the clock as A and B say now. */
static void rtc_run_or_stop(struct rtc *r)
{
	bool stop = divider_held(r) || (r->b & B_SET);

	if (stop && !r->stopped)
		rtc_now(r, &r->held);
	if (!stop && r->stopped)
		rtc_set_time(r, &r->held);
	r->stopped = stop;
}

/* --- flags and interrupts ---------------------------------------------------- */

/* Table 5 of the data sheet, for the 32768 Hz crystal; 0 for none. */
static u64 periodic_hz(const struct rtc *r)
{
	unsigned rate = r->a & A_RATE;

	if (!rate || divider_held(r))
		return 0;
	return rate < 3 ? 512u >> rate : 65536u >> rate;
}

static u64 periodic_tick(const struct rtc *r)
{
	return mul_div(platform_clock_ns(), periodic_hz(r), NS_PER_SEC);
}

static unsigned field_decode(const struct rtc *r, u8 v)
{
	return r->b & B_BINARY ? v : (v >> 4) * 10u + (v & 0xf);
}

static u8 field_encode(const struct rtc *r, unsigned v)
{
	return (u8)(r->b & B_BINARY ? v : (v / 10 % 10) << 4 | v % 10);
}

static unsigned hour_decode(const struct rtc *r, u8 v)
{
	if (r->b & B_24H)
		return field_decode(r, v);
	return field_decode(r, v & 0x7f) % 12 + (v & HOUR_PM ? 12 : 0);
}

static u8 hour_encode(const struct rtc *r, unsigned hour)
{
	unsigned h = hour % 12 ? hour % 12 : 12;

	if (r->b & B_24H)
		return field_encode(r, hour);
	return (u8)(field_encode(r, h) | (hour >= 12 ? HOUR_PM : 0));
}

static u64 alarm_distance(const struct rtc *r, s64 seconds)
{
	u8 sec = r->nvram[REG_SEC_ALARM], min = r->nvram[REG_MIN_ALARM],
	   hour = r->nvram[REG_HOUR_ALARM];
	struct rtc_alarm a = {
		.sec = sec >= ALARM_ANY ? RTC_ANY : field_decode(r, sec),
		.min = min >= ALARM_ANY ? RTC_ANY : field_decode(r, min),
		.hour = hour >= ALARM_ANY ? RTC_ANY : hour_decode(r, hour),
	};

	return rtc_alarm_distance(&a, seconds);
}

/* What has happened since the flags were last worked out. */
static void rtc_catch_up(struct rtc *r)
{
	u64 tick = periodic_tick(r);
	u32 ns;
	s64 now;

	if (tick != r->seen_tick)
		r->c |= B_PIE;
	r->seen_tick = tick;
	if (r->stopped)
		return;
	now = guest_seconds(r, &ns);
	if (now > r->seen_sec) {
		r->c |= B_UIE;
		if (alarm_distance(r, r->seen_sec) <= (u64)(now - r->seen_sec))
			r->c |= B_AIE;
	}
	r->seen_sec = now;
}

/* When the first enabled event that is not flagged yet will be. */
static u64 rtc_next_event(const struct rtc *r)
{
	u8 wanted = r->b & B_INTERRUPTS & (u8)~r->c;
	u64 hz = periodic_hz(r), clock = platform_clock_ns(), next = TIMER_NEVER;
	u64 seconds = RTC_NO_ALARM;
	u32 ns;
	s64 now = guest_seconds(r, &ns);

	if ((wanted & B_PIE) && hz)
		next = mul_div(r->seen_tick + 1, NS_PER_SEC, hz) + 1;
	if (r->stopped)
		return next;
	if (wanted & B_AIE)
		seconds = alarm_distance(r, now);
	if (wanted & B_UIE)
		seconds = 1;
	if (seconds != RTC_NO_ALARM && clock + seconds * NS_PER_SEC - ns < next)
		next = clock + seconds * NS_PER_SEC - ns;
	return next;
}

static void rtc_update(struct rtc *r)
{
	rtc_catch_up(r);
	irq_set(r->vm, RTC_LINE, (r->b & r->c & B_INTERRUPTS) != 0);
	if ((r->b & r->c & B_AIE) && r->alarm_hook)
		r->alarm_hook(r->alarm_ctx);
	timer_set(&r->timer, rtc_next_event(r));
}

static void rtc_fired(struct timer *t)
{
	rtc_update(CONTAINER_OF(t, struct rtc, timer));
}

/* --- registers --------------------------------------------------------------- */

static u8 read_time(const struct rtc *r, unsigned reg)
{
	struct rtc_date d;
	s64 century, year;

	rtc_now(r, &d);
	century = d.year / 100;
	year = d.year % 100;
	switch (reg) {
	case REG_SEC:
		return field_encode(r, d.sec);
	case REG_MIN:
		return field_encode(r, d.min);
	case REG_HOUR:
		return hour_encode(r, d.hour);
	case REG_WDAY:
		return field_encode(r, d.wday);
	case REG_DAY:
		return field_encode(r, d.day);
	case REG_MONTH:
		return field_encode(r, d.month);
	case REG_YEAR:
		return field_encode(r, (unsigned)year);
	default:
		return field_encode(r, (unsigned)century);
	}
}

static void write_time(struct rtc *r, unsigned reg, u8 v)
{
	unsigned n = field_decode(r, v);
	struct rtc_date d;

	rtc_now(r, &d);
	switch (reg) {
	case REG_SEC:
		d.sec = n;
		break;
	case REG_MIN:
		d.min = n;
		break;
	case REG_HOUR:
		d.hour = hour_decode(r, v);
		break;
	case REG_WDAY:
		d.wday = n;
		break;
	case REG_DAY:
		d.day = n;
		break;
	case REG_MONTH:
		d.month = n;
		break;
	case REG_YEAR:
		d.year = d.year / 100 * 100 + n;
		break;
	default:
		d.year = d.year % 100 + (s64)n * 100;
		break;
	}
	if (r->stopped)
		r->held = d;
	else
		rtc_set_time(r, &d);
}

static bool reg_is_time(unsigned reg)
{
	return reg == REG_CENTURY ||
	       (reg <= REG_YEAR && reg != REG_SEC_ALARM &&
		reg != REG_MIN_ALARM && reg != REG_HOUR_ALARM);
}

static u8 read_a(const struct rtc *r)
{
	u32 ns;

	guest_seconds(r, &ns);
	return (u8)(r->a | (!r->stopped && ns >= NS_PER_SEC - UIP_NS ? A_UIP : 0));
}

/* Reading C clears it, and with it the interrupt. */
static u8 read_c(struct rtc *r)
{
	u8 v;

	rtc_catch_up(r);
	v = (u8)(r->c | (r->b & r->c & B_INTERRUPTS ? C_IRQF : 0));
	r->c = 0;
	rtc_update(r);
	return v;
}

static u8 rtc_reg_read(struct rtc *r, unsigned reg)
{
	if (reg_is_time(reg))
		return read_time(r, reg);
	switch (reg) {
	case REG_A:
		return read_a(r);
	case REG_B:
		return r->b;
	case REG_C:
		return read_c(r);
	case REG_D:
		return D_VALID_RAM;
	default:
		return r->nvram[reg];
	}
}

static void write_a(struct rtc *r, u8 v)
{
	bool was_held = divider_held(r);

	r->a = v;
	if (was_held && !divider_held(r))
		rtc_release_divider(r);
	r->seen_tick = periodic_tick(r); /* in the new rate's ticks */
	rtc_run_or_stop(r);
}

static void rtc_reg_write(struct rtc *r, unsigned reg, u8 v)
{
	rtc_catch_up(r);
	if (reg_is_time(reg)) {
		write_time(r, reg, v);
	} else if (reg == REG_A) {
		write_a(r, v & 0x7f);
	} else if (reg == REG_B) {
		r->b = v & B_SET ? v & (u8)~B_UIE : v;
		rtc_run_or_stop(r);
	} else if (reg != REG_C && reg != REG_D) {
		r->nvram[reg] = v;
	}
	rtc_update(r);
}

/* The index cannot be read back. Its top bit masks NMI, of which none comes. */
static u8 rtc_read8(void *ctx, unsigned offset)
{
	struct rtc *r = ctx;

	return offset == 1 ? rtc_reg_read(r, r->index) : 0xff;
}

static void rtc_write8(void *ctx, unsigned offset, u8 v)
{
	struct rtc *r = ctx;

	if (offset == 1)
		rtc_reg_write(r, r->index, v);
	else
		r->index = v & 0x7f;
}

static u64 rtc_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)v;
	return port8_read(rtc_read8, ctx, offset, size);
}

static void rtc_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		      u64 value)
{
	(void)v;
	port8_write(rtc_write8, ctx, offset, size, value);
}

static const struct bus_ops rtc_ops = { rtc_read, rtc_write };

/* --- life and death ------------------------------------------------------------ */

static void nvram_put16(struct rtc *r, unsigned at, u64 value)
{
	u64 v = value < 0xffff ? value : 0xffff;

	r->nvram[at] = (u8)v;
	r->nvram[at + 1] = (u8)(v >> 8);
}

/* Where IBM's, and later QEMU's, firmware looks for the memory's size. */
static void nvram_fill(struct rtc *r)
{
	u64 low = r->ram_bytes < LOW_RAM_MAX ? r->ram_bytes : LOW_RAM_MAX;
	u64 high = (r->ram_bytes - low) >> 16;

	memset(r->nvram, 0, sizeof r->nvram);
	r->nvram[0x14] = 0x02; /* equipment: a floating-point unit */
	nvram_put16(r, 0x15, 640);
	nvram_put16(r, 0x17, low > MIB(1) ? (low - MIB(1)) >> 10 : 0);
	nvram_put16(r, 0x30, low > MIB(1) ? (low - MIB(1)) >> 10 : 0);
	nvram_put16(r, 0x34, low > MIB(16) ? (low - MIB(16)) >> 16 : 0);
	nvram_put16(r, 0x5b, high & 0xffff);
	r->nvram[0x5d] = (u8)(high >> 16);
}

/* RESET leaves the time, which a battery keeps, and ends interrupts. */
static void rtc_power_up(struct rtc *r)
{
	u32 ns;

	if (r->stopped) {
		r->stopped = false;
		rtc_set_time(r, &r->held);
	}
	r->index = 0;
	r->a = A_POWER_UP;
	r->b = B_24H;
	r->c = 0;
	nvram_fill(r);
	r->seen_sec = guest_seconds(r, &ns);
	r->seen_tick = periodic_tick(r);
	timer_cancel(&r->timer);
}

void rtc_set_alarm_hook(struct rtc *r, void (*hook)(void *ctx), void *ctx)
{
	r->alarm_hook = hook;
	r->alarm_ctx = ctx;
}

void rtc_reset(struct rtc *r)
{
	rtc_power_up(r);
	irq_set(r->vm, RTC_LINE, false);
}

int rtc_create(struct vm *vm, u64 ram_bytes, struct rtc **out)
{
	struct rtc *r = platform_alloc(sizeof *r);
	int err;

	if (!r)
		return -ENOMEM;
	r->vm = vm;
	r->ram_bytes = ram_bytes;
	timer_init(&r->timer, vm, rtc_fired);
	rtc_power_up(r);
	err = bus_add(&vm->pio, &(struct bus_range){
		.base = RTC_PORT, .size = 2, .name = "rtc",
		.ops = &rtc_ops, .ctx = r });
	if (err) {
		platform_free(r, sizeof *r);
		return err;
	}
	*out = r;
	return 0;
}

void rtc_destroy(struct rtc *r)
{
	if (!r)
		return;
	timer_cancel(&r->timer);
	bus_remove(&r->vm->pio, RTC_PORT);
	platform_free(r, sizeof *r);
}
