/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#define CLEAN_MAX (16 * MIB) /* four times the largest document that a message may quote */

/* East Asian wide and emoji blocks, and the combining blocks that turn up in practice; everything
 * else is one column. */
static const struct {
	uint32_t from, to;
	size_t columns;
} blocks[] = {
	{0x300, 0x36f, 0},
	{0x1100, 0x115f, 2},
	{0x200b, 0x200f, 0},
	{0x2e80, 0xa4cf, 2},
	{0xac00, 0xd7a3, 2},
	{0xf900, 0xfaff, 2},
	{0xfe00, 0xfe0f, 0},
	{0xfe30, 0xfe6f, 2},
	{0xfeff, 0xfeff, 0},
	{0xff00, 0xff60, 2},
	{0x1f300, 0x1f64f, 2},
	{0x1f900, 0x1f9ff, 2},
	{0x20000, 0x3fffd, 2},
};

static size_t columns_of(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_LEN(blocks) && c >= blocks[i].from; i++)
		if (c <= blocks[i].to)
			return blocks[i].columns;
	return 1;
}

static size_t measure(const char *s, size_t limit, size_t *ret_bytes)
{
	size_t n = strlen(s), at = 0, width = 0;

	while (at < n) {
		uint32_t c;
		size_t len = utf8_decode(s + at, n - at, &c);
		size_t w = columns_of(c);
		if (width + w > limit)
			break;
		width += w;
		at += len;
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
		uint32_t c;
		size_t len = utf8_decode(s + i, n - i, &c);
		if ((flags & TEXT_STRIP) && s[i] == '\x1b') {
			i += escape_length(s + i, n - i);
			continue;
		}
		bool broken = len == 1 && c >= 0x80;
		bool plain = !broken && (c >= 0xa0 || (c >= 0x20 && c < 0x7f) || c == '\t' ||
						(c == '\n' && (flags & TEXT_LINES)));
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
