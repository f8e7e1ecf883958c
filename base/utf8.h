/* SPDX-License-Identifier: Apache-2.0 */
/* One code point at a time, never failing: a byte that is not part of valid UTF-8 counts as one
 * character of its own. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define UTF8_INVALID 0xfffdU

/*
 * The width of the first character of s (n bytes, n > 0). *ret_rune: its code point; UTF8_INVALID
 * with width 1 for a byte that is not valid there (overlong forms, surrogates and values above
 * U+10FFFF are invalid, as in Go).
 */
static inline size_t utf8_decode(const char *s, size_t n, uint32_t *ret_rune)
{
	const unsigned char *p = (const unsigned char *)s;
	*ret_rune = p[0];
	if (p[0] < 0x80)
		return 1;
	*ret_rune = UTF8_INVALID;
	size_t width = p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || width > n)
		return 1;
	uint32_t rune = p[0] & (0xffU >> (width + 1));
	for (size_t i = 1; i < width; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 1;
		rune = rune << 6 | (p[i] & 0x3fU);
	}
	if ((width == 3 && (rune < 0x800 || (rune >= 0xd800 && rune <= 0xdfff))) ||
		(width == 4 && (rune < 0x10000 || rune > 0x10ffff)))
		return 1;
	*ret_rune = rune;
	return width;
}

/* The width of the first character of s (n bytes, n > 0), 0 when it is not valid. */
static inline size_t utf8_width(const char *s, size_t n)
{
	uint32_t rune;
	size_t width = utf8_decode(s, n, &rune);
	return width == 1 && rune == UTF8_INVALID ? 0 : width;
}

/* Writes the UTF-8 form of rune (a valid code point) to out; returns its width, 1 to 4. */
static inline size_t utf8_encode(uint32_t rune, char out[4])
{
	if (rune < 0x80) {
		out[0] = (char)rune;
		return 1;
	}
	size_t width = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
	for (size_t i = width - 1; i > 0; i--, rune >>= 6)
		out[i] = (char)(0x80 | (rune & 0x3f));
	out[0] = (char)((0xf00U >> width & 0xff) | rune);
	return width;
}
