/* SPDX-License-Identifier: Apache-2.0 */
/* MC146818 real-time clock and CMOS RAM. Motorola MC146818A data sheet. */
#ifndef TRIVET_DEVICE_RTC_H
#define TRIVET_DEVICE_RTC_H

#include <trivet/vm.h>

struct rtc;

/*
 * Ports 70h/71h, line 8: time and date (UTC, from platform_wallclock_ns, 24 h
 * BCD by default), alarm, periodic and update interrupts. Writes change the
 * guest's clock only. Century at offset 32h. ram_bytes: guest RAM, for the CMOS
 * memory-size bytes.
 */
int rtc_create(struct vm *vm, u64 ram_bytes, struct rtc **out);
/* Called, with vm->lock held, whenever the alarm interrupt is found active. */
void rtc_set_alarm_hook(struct rtc *r, void (*hook)(void *ctx), void *ctx);
void rtc_reset(struct rtc *r);
void rtc_destroy(struct rtc *r);

#endif
