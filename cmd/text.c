/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define CLEAN_MAX (16 * MIB) /* four times the largest document that a message may quote */

/* One UTF-8 character (RFC 3629). Its length, 0 when broken. */
static size_t decode(const char *p, size_t n, uint32_t *ret)
{
	const unsigned char *s = (const unsigned char *)p;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}
	size_t len = s[0] >= 0xf0 && s[0] < 0xf5   ? 4
	             : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
	             : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
	                                           : 0;
	if (!len || len > n)
		return 0;
	uint32_t c = s[0] & (0xffU >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return len;
}

/* East Asian wide and emoji blocks, and the combining blocks that turn up in practice; everything
 * else is one column. */
static size_t columns_of(uint32_t c)
{
	if ((c >= 0x300 && c < 0x370) || (c >= 0x200b && c < 0x2010) || c == 0xfeff ||
		(c >= 0xfe00 && c < 0xfe10))
		return 0;
	if ((c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) ||
		(c >= 0xac00 && c < 0xd7a4) || (c >= 0xf900 && c < 0xfb00) ||
		(c >= 0xfe30 && c < 0xfe70) || (c >= 0xff00 && c < 0xff61) ||
		(c >= 0x1f300 && c < 0x1f650) || (c >= 0x1f900 && c < 0x1fa00) ||
		(c >= 0x20000 && c < 0x3fffe))
		return 2;
	return 1;
}

static size_t measure(const char *s, size_t limit, size_t *ret_bytes)
{
	size_t n = strlen(s), at = 0, width = 0;

	while (at < n) {
		uint32_t c = 0;
		size_t len = decode(s + at, n - at, &c);
		size_t w = len ? columns_of(c) : 1;
		if (width + w > limit)
			break;
		width += w;
		at += len ? len : 1;
	}
	*ret_bytes = at;
	return width;
}

size_t text_width(const char *s)
{
	size_t bytes;
	return measure(s, SIZE_MAX, &bytes);
}

size_t text_fit(const char *s, size_t columns)
{
	size_t bytes;
	measure(s, columns, &bytes);
	return bytes;
}

/* Length of the escape sequence at s (ECMA-48): CSI ends with 0x40..0x7e; OSC, DCS and the like
 * with BEL or ESC \; else ESC, intermediates, a final byte. */
static size_t escape_length(const char *s, size_t n)
{
	size_t i = 1;

	if (n < 2)
		return n;
	if (s[1] == '[') {
		for (i = 2; i < n && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x40; i++)
			;
		return i < n ? i + 1 : n;
	}
	if (strchr("]PX^_", s[1])) {
		for (i = 2; i < n && s[i] != '\a' && s[i] != '\x1b'; i++)
			;
		if (i < n && s[i] == '\x1b' && i + 1 < n && s[i + 1] == '\\')
			i++;
		return i < n ? i + 1 : n;
	}
	for (; i < n && s[i] >= 0x20 && s[i] < 0x30; i++)
		;
	return i < n ? i + 1 : n;
}

char *text_clean(const char *s, size_t n, int flags)
{
	AUTO_BUF struct buf out = BUF_INIT(CLEAN_MAX);

	for (size_t i = 0; i < n;) {
		uint32_t c = 0;
		size_t len = decode(s + i, n - i, &c);
		if ((flags & TEXT_STRIP) && s[i] == '\x1b') {
			i += escape_length(s + i, n - i);
			continue;
		}
		bool plain = len && (c >= 0xa0 || (c >= 0x20 && c < 0x7f) || c == '\t' ||
					    (c == '\n' && (flags & TEXT_LINES)));
		if (!len)
			len = 1;
		if (plain)
			buf_add(&out, s + i, len);
		else
			for (size_t k = 0; k < len; k++)
				buf_addf(&out, "\\x%02x", (unsigned char)s[i + k]);
		i += len;
	}
	buf_addstr(&out, "");
	char *ret = buf_take(&out);
	return ret ? ret : xstrdup("");
}

char *text_size(uint64_t bytes, char buf[TEXT_NUM_MAX])
{
	static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
	double v = (double)bytes;
	size_t unit = 0;

	/* from 999.5 on, three digits would read 1e+03 */
	while (v >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
		v /= 1000;
		unit++;
	}
	(void)snprintf(buf, TEXT_NUM_MAX, "%.3g %s", v, units[unit]);
	return buf;
}

char *text_duration(uint64_t ms, char buf[TEXT_NUM_MAX])
{
	uint64_t s = ms / 1000;

	if (s < 60)
		(void)snprintf(buf, TEXT_NUM_MAX, "%d.%ds", (int)s, (int)(ms / 100 % 10));
	else if (s < 3600)
		(void)snprintf(buf, TEXT_NUM_MAX, "%dm%02ds", (int)(s / 60), (int)(s % 60));
	else
		(void)snprintf(buf, TEXT_NUM_MAX, "%lluh%02dm", (unsigned long long)(s / 3600),
			(int)(s / 60 % 60));
	return buf;
}

char *text_age(int64_t seconds, char buf[TEXT_NUM_MAX])
{
	int64_t hours = (seconds + 1800) / 3600; /* rounded */
	const struct {
		int64_t below_hours, per;
		const char *word;
	} steps[] = {
		{48, 1, "hours"},
		{24 * 7 * 2, 24, "days"},
		{24 * 30 * 2, 24 * 7, "weeks"},
		{24 * 365 * 2, 24 * 30, "months"},
		{INT64_MAX, 24 * 365, "years"},
	};

	if (seconds < 1)
		(void)snprintf(buf, TEXT_NUM_MAX, "Less than a second");
	else if (seconds == 1)
		(void)snprintf(buf, TEXT_NUM_MAX, "1 second");
	else if (seconds < 60)
		(void)snprintf(buf, TEXT_NUM_MAX, "%d seconds", (int)seconds);
	else if (seconds < 120)
		(void)snprintf(buf, TEXT_NUM_MAX, "About a minute");
	else if (seconds < 3600)
		(void)snprintf(buf, TEXT_NUM_MAX, "%d minutes", (int)(seconds / 60));
	else if (hours == 1)
		(void)snprintf(buf, TEXT_NUM_MAX, "About an hour");
	else
		for (size_t i = 0; i < ARRAY_LEN(steps); i++)
			if (hours < steps[i].below_hours) {
				(void)snprintf(buf, TEXT_NUM_MAX, "%lld %s",
					(long long)(hours / steps[i].per), steps[i].word);
				break;
			}
	return buf;
}
