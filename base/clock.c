/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

struct timespec clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t;
}

uint64_t clock_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

bool clock_before(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

uint64_t clock_ms(void)
{
	return clock_us() / 1000;
}

char *clock_format(struct timespec t, char buf[CLOCK_STR_MAX])
{
	struct tm tm;
	if (!gmtime_r(&t.tv_sec, &tm) || tm.tm_year > 9999 - 1900 || tm.tm_year < -1900) {
		memset(&tm, 0, sizeof(tm)); /* RFC 3339 ends with year 9999 */
		tm.tm_year = 70;
		tm.tm_mday = 1;
		t.tv_nsec = 0;
	}
	int n = snprintf(buf, CLOCK_STR_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (n < 0 || n > 24)
		n = 0;
	if (t.tv_nsec > 0) {
		n += snprintf(
			buf + n, (size_t)(CLOCK_STR_MAX - n), ".%09ld", t.tv_nsec % 1000000000);
		while (buf[n - 1] == '0')
			n--;
	}
	memcpy(buf + n, "Z", 2);
	return buf;
}

static bool digits(const char **s, int n, int *ret)
{
	int v = 0;
	for (int i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (**s - '0');
	}
	*ret = v;
	return true;
}

static bool expect(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* "2024-05-01" */
static bool date(const char **s, struct tm *tm)
{
	int year, mon;
	if (!digits(s, 4, &year) || !expect(s, '-') || !digits(s, 2, &mon) || !expect(s, '-') ||
		!digits(s, 2, &tm->tm_mday))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = mon - 1;
	return mon >= 1 && mon <= 12 && tm->tm_mday >= 1 && tm->tm_mday <= 31;
}

/* "12:00:60" */
static bool time_of_day(const char **s, struct tm *tm)
{
	return digits(s, 2, &tm->tm_hour) && expect(s, ':') && digits(s, 2, &tm->tm_min) &&
	       expect(s, ':') && digits(s, 2, &tm->tm_sec) && tm->tm_hour <= 23 &&
	       tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* ".5" or nothing; digits beyond nanoseconds are dropped */
static bool fraction(const char **s, long *ret_ns)
{
	*ret_ns = 0;
	if (!expect(s, '.'))
		return true;
	const char *from = *s;
	for (long scale = 100000000; **s >= '0' && **s <= '9'; (*s)++, scale /= 10)
		*ret_ns += (**s - '0') * scale;
	return *s > from;
}

/* "Z" or "+02:00" */
static bool zone(const char **s, int *ret_seconds)
{
	*ret_seconds = 0;
	if (expect(s, 'Z') || expect(s, 'z'))
		return true;
	int sign = **s == '-' ? -1 : 1, hours, minutes;
	if ((!expect(s, '+') && !expect(s, '-')) || !digits(s, 2, &hours) || !expect(s, ':') ||
		!digits(s, 2, &minutes))
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool clock_parse(const char *s, struct timespec *ret)
{
	struct tm tm = {0};
	long ns;
	int east;
	if (!date(&s, &tm) || (!expect(&s, 'T') && !expect(&s, 't') && !expect(&s, ' ')) ||
		!time_of_day(&s, &tm) || !fraction(&s, &ns) || !zone(&s, &east) || *s)
		return false;
	ret->tv_sec = timegm(&tm) - east;
	ret->tv_nsec = ns;
	return true;
}
