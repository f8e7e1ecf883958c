/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool parse_digits(const char *s, unsigned base, uint64_t max, uint64_t *ret)
{
	if (!*s)
		return false;
	uint64_t v = 0;
	for (; *s; s++) {
		unsigned digit = (unsigned)(unsigned char)*s - '0';
		if (digit >= base || v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

bool num_u64(const char *s, uint64_t max, uint64_t *ret)
{
	return parse_digits(s, 10, max, ret);
}

bool num_octal(const char *s, uint64_t max, uint64_t *ret)
{
	return parse_digits(s, 8, max, ret);
}

bool num_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t v;
	if (!parse_digits(s + negative, 10, negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &v))
		return false;
	int64_t i = negative ? (int64_t)(0 - v) : (int64_t)v;
	if (i < min || i > max)
		return false;
	*ret = i;
	return true;
}

/* A decimal with an optional fraction as integer part and nanos; false when there is no digit.
 * *end: behind it. */
static bool decimal(const char *s, uint64_t *whole, uint32_t *nanos, const char **end)
{
	uint64_t v = 0;
	bool any = false;
	for (; isdigit((unsigned char)*s); s++, any = true) {
		if (v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	uint32_t frac = 0;
	if (*s == '.') {
		uint32_t scale = 100000000;
		for (s++; isdigit((unsigned char)*s); s++, any = true) {
			frac += (uint32_t)(*s - '0') * scale;
			scale /= 10;
		}
	}
	*whole = v;
	*nanos = frac;
	*end = s;
	return any;
}

bool num_bool(const char *s, bool *ret)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (streq(s, yes[i]) || streq(s, no[i])) {
			*ret = streq(s, yes[i]);
			return true;
		}
	}
	return false;
}

bool num_size(const char *s, uint64_t *ret)
{
	static const char units[] = "kmgtpKMGTP";
	uint64_t whole;
	uint32_t nanos;
	if (!decimal(s, &whole, &nanos, &s))
		return false;
	if (*s == ' ')
		s++;
	unsigned shift = 0;
	if (*s) {
		const char *u = strchr(units, *s);
		if (u) {
			shift = 10 * (unsigned)((u - units) % 5 + 1);
			s++;
		}
		if (shift && (*s == 'i' || *s == 'I'))
			s++;
		if (*s == 'b' || *s == 'B')
			s++;
		if (*s)
			return false;
	}
	if (shift && whole > UINT64_MAX >> shift)
		return false;
	uint64_t v = whole << shift;
	uint64_t part = (uint64_t)(((unsigned __int128)nanos << shift) / 1000000000);
	if (v > UINT64_MAX - part)
		return false;
	*ret = v + part;
	return true;
}

bool num_duration(const char *s, int64_t *ret_ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {
		{"ns", 1},
		{"us", 1000},
		{"\xc2\xb5s", 1000},
		{"ms", 1000000},
		{"s", 1000000000},
		{"m", 60000000000},
		{"h", 3600000000000},
	};
	bool negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if (streq(s, "0")) {
		*ret_ns = 0;
		return true;
	}
	unsigned __int128 sum = 0;
	if (!*s)
		return false;
	while (*s) {
		uint64_t whole;
		uint32_t nanos;
		if (!decimal(s, &whole, &nanos, &s))
			return false;
		size_t best = ARRAY_LEN(units), best_len = 0;
		for (size_t i = 0; i < ARRAY_LEN(units); i++) {
			size_t len = strlen(units[i].unit);
			if (strncmp(s, units[i].unit, len) == 0 && len > best_len) {
				best = i;
				best_len = len;
			}
		}
		if (best == ARRAY_LEN(units))
			return false;
		s += best_len;
		sum += (unsigned __int128)whole * units[best].ns +
		       (unsigned __int128)nanos * units[best].ns / 1000000000;
		if (sum > INT64_MAX)
			return false;
	}
	*ret_ns = negative ? -(int64_t)sum : (int64_t)sum;
	return true;
}

bool num_milli(const char *s, uint64_t *ret)
{
	uint64_t whole;
	uint32_t nanos;
	if (!decimal(s, &whole, &nanos, &s) || *s || whole > UINT64_MAX / 1000 - 1)
		return false;
	*ret = whole * 1000 + nanos / 1000000;
	return true;
}

const char *num_human_size(uint64_t bytes, char *buf, size_t n)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned u = 0;
	uint64_t rest = 0;
	while (bytes >= 1024 && u + 1 < ARRAY_LEN(units)) {
		rest = bytes % 1024;
		bytes /= 1024;
		u++;
	}
	if (u == 0 || bytes >= 100)
		snprintf(buf, n, "%llu %s", (unsigned long long)bytes, units[u]);
	else
		snprintf(buf, n, "%llu.%llu %s", (unsigned long long)bytes,
			(unsigned long long)(rest * 10 / 1024), units[u]);
	return buf;
}

char *num_duration_str(int64_t ns)
{
	int64_t ms = ns / 1000000, s = ms / 1000;
	AUTO_FREE char *fraction = ms % 1000 ? xasprintf(".%03d", (int)(ms % 1000)) : xstrdup("");

	for (size_t n = strlen(fraction); n && fraction[n - 1] == '0'; n--)
		fraction[n - 1] = '\0';
	if (ms && s == 0)
		return xasprintf("%dms", (int)ms);
	if (s < 60)
		return xasprintf("%d%ss", (int)s, fraction);
	if (s < 3600)
		return xasprintf("%dm%d%ss", (int)(s / 60), (int)(s % 60), fraction);
	return xasprintf("%lldh%dm%d%ss", (long long)(s / 3600), (int)(s / 60 % 60), (int)(s % 60),
		fraction);
}
