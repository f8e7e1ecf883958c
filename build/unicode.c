/* SPDX-License-Identifier: Apache-2.0 */
#include "build/unicode.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "build/unicode_tables.h"

static bool in_ranges(const struct rune_range *r, size_t n, uint32_t rune)
{
	size_t lo = 0;
	while (lo < n) {
		size_t mid = lo + (n - lo) / 2;
		if (rune > r[mid].last)
			lo = mid + 1;
		else if (rune < r[mid].first)
			n = mid;
		else
			return true;
	}
	return false;
}

bool rune_is_space(uint32_t rune)
{
	if (rune < 0x80)
		return rune == ' ' || (rune >= '\t' && rune <= '\r');
	return rune == 0x85 || rune == 0xa0 || rune == 0x1680 ||
	       (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 || rune == 0x2029 ||
	       rune == 0x202f || rune == 0x205f || rune == 0x3000;
}

bool rune_is_digit(uint32_t rune)
{
	if (rune < 0x80)
		return rune >= '0' && rune <= '9';
	return in_ranges(digits, ARRAY_LEN(digits), rune);
}

bool rune_is_letter_or_digit(uint32_t rune)
{
	if (rune < 0x80)
		return rune_is_digit(rune) || ((rune | 0x20) >= 'a' && (rune | 0x20) <= 'z');
	return in_ranges(letters_and_digits, ARRAY_LEN(letters_and_digits), rune);
}

size_t text_leading_space(const char *s, size_t len)
{
	size_t at = 0;
	while (at < len) {
		uint32_t rune;
		size_t width = utf8_decode(s + at, len - at, &rune);
		if (!rune_is_space(rune))
			break;
		at += width;
	}
	return at;
}

void text_trim(const char **s, size_t *len)
{
	size_t lead = text_leading_space(*s, *len);
	*s += lead;
	*len -= lead;
	while (*len > 0) {
		size_t start = *len - 1;
		while (start > 0 && *len - start < 4 && ((*s)[start] & 0xc0) == 0x80)
			start--;
		uint32_t rune;
		size_t width = utf8_decode(*s + start, *len - start, &rune);
		if (width != *len - start || !rune_is_space(rune))
			break;
		*len = start;
	}
}
