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

bool clock_parse(const char *s, struct timespec *ret)
{
	int year, mon, day, hour, min, sec, zone = 0;
	if (!digits(&s, 4, &year) || !expect(&s, '-') || !digits(&s, 2, &mon) || !expect(&s, '-') ||
		!digits(&s, 2, &day) || (*s != 'T' && *s != 't' && *s != ' '))
		return false;
	s++;
	if (!digits(&s, 2, &hour) || !expect(&s, ':') || !digits(&s, 2, &min) || !expect(&s, ':') ||
		!digits(&s, 2, &sec))
		return false;
	if (mon < 1 || mon > 12 || day < 1 || day > 31 || hour > 23 || min > 59 || sec > 60)
		return false;
	long ns = 0;
	if (*s == '.') {
		long scale = 100000000;
		s++;
		if (*s < '0' || *s > '9')
			return false;
		for (; *s >= '0' && *s <= '9'; s++, scale /= 10)
			ns += (*s - '0') * scale;
	}
	if (*s == 'Z' || *s == 'z') {
		s++;
	} else if (*s == '+' || *s == '-') {
		int sign = *s++ == '-' ? -1 : 1, zh, zm;
		if (!digits(&s, 2, &zh) || !expect(&s, ':') || !digits(&s, 2, &zm))
			return false;
		zone = sign * (zh * 3600 + zm * 60);
	} else {
		return false;
	}
	if (*s)
		return false;
	struct tm tm = {.tm_year = year - 1900,
		.tm_mon = mon - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = min,
		.tm_sec = sec};
	ret->tv_sec = timegm(&tm) - zone;
	ret->tv_nsec = ns;
	return true;
}
