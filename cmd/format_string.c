/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_string.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define STRING_MAX (64 * KIB)
#define RUNE_MAX 0x10ffff

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : 99;
}

/* So many digits of an escape. */
static bool read_digits(const char **s, const char *end, int count, int base, uint32_t *ret)
{
	uint32_t value = 0;

	for (int i = 0; i < count; i++, (*s)++) {
		if (*s >= end || digit(**s) >= base)
			return false;
		value = value * (uint32_t)base + (uint32_t)digit(**s);
	}
	*ret = value;
	return value <= RUNE_MAX && (value < 0xd800 || value > 0xdfff);
}

/* Behind the backslash. *ret_byte: it is a byte, else a character. */
static bool read_escape(const char **s, const char *end, char quote, uint32_t *ret, bool *ret_byte)
{
	static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
	*ret_byte = false;
	if (*s >= end || !**s)
		return false;
	const char c = **s;
	const char *at = strchr(from, c);
	if (at || c == quote) {
		*ret = (unsigned char)(at ? to[at - from] : quote);
		(*s)++;
		return true;
	}
	if (c >= '0' && c <= '7') {
		*ret_byte = true;
		return read_digits(s, end, 3, 8, ret) && *ret <= UINT8_MAX;
	}
	if (c != 'x' && c != 'u' && c != 'U')
		return false;
	(*s)++;
	*ret_byte = c == 'x';
	return read_digits(s, end, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, ret);
}

/* The next character of what is between quotes. */
static bool read_rune(const char **s, const char *end, char quote, uint32_t *ret, bool *ret_byte)
{
	*ret_byte = false;
	if (**s == '\n')
		return false;
	if (**s != '\\') {
		size_t width = utf8_decode(*s, (size_t)(end - *s), ret);
		if (width == 1 && *ret == UTF8_INVALID) {
			*ret = (unsigned char)**s;
			*ret_byte = true;
		}
		*s += width;
		return true;
	}
	(*s)++;
	return read_escape(s, end, quote, ret, ret_byte);
}

static size_t read_raw(const char *s, size_t n, struct json **ret)
{
	const char *end = memchr(s + 1, '`', n - 1);

	if (!end)
		return 0;
	AUTO_FREE char *text = xstrndup(s + 1, (size_t)(end - s - 1));
	*ret = json_new_string(text);
	return (size_t)(end - s + 1);
}

size_t string_read(const char *s, size_t n, struct json **ret)
{
	const char quote = *s, *at = s + 1, *end = s + n;
	AUTO_BUF struct buf b = BUF_INIT(STRING_MAX);
	uint32_t rune = 0;
	size_t count = 0;
	char bytes[4];
	bool byte;

	if (quote == '`')
		return read_raw(s, n, ret);
	buf_addstr(&b, "");
	for (; at < end && *at != quote; count++) {
		if (!read_rune(&at, end, quote, &rune, &byte))
			return 0;
		if (byte)
			buf_addch(&b, (char)rune);
		else
			buf_add(&b, bytes, utf8_encode(rune, bytes));
	}
	if (at >= end || (quote == '\'' && count != 1))
		return 0;
	*ret = quote == '\'' ? json_new_int(rune) : json_new_string(buf_str(&b));
	return (size_t)(at - s + 1);
}
