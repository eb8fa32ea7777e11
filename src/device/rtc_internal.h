/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar arithmetic of the real-time clock. */
#ifndef DEVICE_RTC_INTERNAL_H
#define DEVICE_RTC_INTERNAL_H

#include <trivet/device/rtc.h>

/* Fields as numbers; a guest may put nonsense in them. */
struct rtc_date {
	s64 year;
	unsigned month; /* 1.. */
	unsigned day;	/* 1.. */
	unsigned hour, min, sec;
	unsigned wday; /* 1 is Sunday */
};

/* Seconds since 1970 in the proleptic Gregorian calendar, and back. Fields out
 * of range carry over into the next one. */
s64 rtc_date_to_seconds(const struct rtc_date *d);
void rtc_date_from_seconds(struct rtc_date *d, s64 seconds);

/* An alarm's fields; RTC_ANY matches all. */
#define RTC_ANY 0xffffu
struct rtc_alarm {
	unsigned hour, min, sec;
};
#define RTC_NO_ALARM (~(u64)0)
/* Seconds from `seconds` to the next time strictly after it that matches. */
u64 rtc_alarm_distance(const struct rtc_alarm *a, s64 seconds);

#endif
