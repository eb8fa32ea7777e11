/* SPDX-License-Identifier: Apache-2.0 */
#include "rtc_internal.h"

#define DAY 86400
/* Days from 0000-03-01 to 1970-01-01, and in 400 years. */
#define EPOCH_DAYS 719468
#define ERA_DAYS 146097

static s64 floor_div(s64 a, s64 b)
{
	return a / b - (a % b < 0);
}

/* Years that begin in March: the leap day is the last, and month lengths
 * follow (153 * m + 2) / 5. */
static s64 days_from_civil(s64 year, s64 month, s64 day)
{
	s64 y = year - (month <= 2), era = floor_div(y, 400), yoe = y - era * 400;
	s64 doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * ERA_DAYS + yoe * 365 + yoe / 4 - yoe / 100 + doy - EPOCH_DAYS;
}

s64 rtc_date_to_seconds(const struct rtc_date *d)
{
	s64 month = (s64)d->month - 1;
	s64 year = d->year + floor_div(month, 12);
	s64 days;

	month -= floor_div(month, 12) * 12;
	days = days_from_civil(year, month + 1, d->day);
	return days * DAY + (s64)d->hour * 3600 + (s64)d->min * 60 + d->sec;
}

void rtc_date_from_seconds(struct rtc_date *d, s64 seconds)
{
	s64 days = floor_div(seconds, DAY);
	unsigned rest = (unsigned)(seconds - days * DAY);
	s64 z = days + EPOCH_DAYS, era = floor_div(z, ERA_DAYS);
	s64 doe = z - era * ERA_DAYS;
	s64 yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	s64 doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	s64 mp = (5 * doy + 2) / 153;

	d->day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	d->month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	d->year = yoe + era * 400 + (d->month <= 2);
	d->hour = rest / 3600;
	d->min = rest / 60 % 60;
	d->sec = rest % 60;
	d->wday = (unsigned)(days + 4 - floor_div(days + 4, 7) * 7) + 1;
}

static bool field_matches(unsigned field, unsigned value)
{
	return field == RTC_ANY || field == value;
}

static bool field_possible(unsigned field, unsigned limit)
{
	return field == RTC_ANY || field < limit;
}

u64 rtc_alarm_distance(const struct rtc_alarm *a, s64 seconds)
{
	unsigned start = (unsigned)(seconds - floor_div(seconds, DAY) * DAY);
	unsigned t = start + 1;

	if (!field_possible(a->hour, 24) || !field_possible(a->min, 60) ||
	    !field_possible(a->sec, 60))
		return RTC_NO_ALARM;
	/* at most a day ahead; skips whole hours and minutes that do not match */
	while (t <= start + DAY) {
		if (!field_matches(a->hour, t / 3600 % 24))
			t = (t / 3600 + 1) * 3600;
		else if (!field_matches(a->min, t / 60 % 60))
			t = (t / 60 + 1) * 60;
		else if (!field_matches(a->sec, t % 60))
			t++;
		else
			return t - start;
	}
	return RTC_NO_ALARM;
}
