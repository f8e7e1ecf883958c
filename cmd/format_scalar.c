/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_scalar.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/format_args.h"
#include "cmd/format_number.h"
#include "cmd/format_verb.h"

#define INTEGER_MAX (FIELD_MAX + 16) /* bytes of one in any base, with zeros before it */
#define PRECISION 6 /* of a real number, where none is said */
#define RUNE_MAX 0x10ffff

/* --- padding --- */

static int runes(const char *s)
{
	size_t n = strlen(s);
	uint32_t rune;
	int count = 0;

	for (; n; count++) {
		size_t width = utf8_decode(s, n, &rune);
		s += width;
		n -= width;
	}
	return count;
}

static void add_padding(struct buf *b, const struct verb *v, int n)
{
	for (; n > 0; n--)
		buf_addch(b, v->zero && !v->left ? '0' : ' ');
}

static void add_filled(struct buf *b, const struct verb *v, const char *s, int length)
{
	if (!v->left)
		add_padding(b, v, v->width - length);
	buf_addstr(b, s);
	if (v->left)
		add_padding(b, v, v->width - length);
}

/* Width counts characters. */
void scalar_padded(struct buf *b, const struct verb *v, const char *s)
{
	add_filled(b, v, s, runes(s));
}

static void add_with_blanks(struct buf *b, const struct verb *v, const char *s)
{
	struct verb blanks = *v;

	blanks.zero = false;
	scalar_padded(b, &blanks, s);
}

/* --- text --- */

static void add_quoted_rune(
	struct buf *b, uint32_t rune, const char *bytes, size_t width, char quote, bool ascii)
{
	static const char from[] = "\a\b\f\n\r\t\v\\", to[] = "abfnrtv\\";
	const char *at = rune < 0x80 && rune ? strchr(from, (int)rune) : NULL;

	if (at)
		buf_addf(b, "\\%c", to[at - from]);
	else if (rune == (uint32_t)quote)
		buf_addf(b, "\\%c", quote);
	else if (rune < ' ' || rune == 0x7f || (rune == UTF8_INVALID && width == 1))
		buf_addf(b, "\\x%02x", (unsigned char)*bytes);
	else if (rune >= 0x80 && ascii)
		buf_addf(b, rune > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)rune);
	else
		buf_add(b, bytes, width);
}

/* Between backquotes nothing has a meaning, so it may hold none of them, and one line. */
static bool can_be_raw(const char *s)
{
	for (; *s; s++)
		if (*s == '`' || *s == 0x7f || ((unsigned char)*s < ' ' && *s != '\t'))
			return false;
	return true;
}

static char *quoted(const char *s, const struct verb *v)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);
	size_t n = strlen(s);

	if (v->sharp && can_be_raw(s))
		return xasprintf("`%s`", s);
	buf_addch(&b, '"');
	while (n) {
		uint32_t rune;
		size_t width = utf8_decode(s, n, &rune);
		add_quoted_rune(&b, rune, s, width, '"', v->plus);
		s += width;
		n -= width;
	}
	buf_addch(&b, '"');
	return xstrdup(buf_str(&b));
}

/* The precision is of bytes. */
static void add_hex(struct buf *b, const struct verb *v, const char *s)
{
	AUTO_BUF struct buf digits = BUF_INIT(TEXT_MAX);
	size_t n = v->precision < 0 ? strlen(s) : strnlen(s, (size_t)v->precision);
	const char *prefix = v->letter == 'x' ? "0x" : "0X";

	buf_addstr(&digits, "");
	for (size_t i = 0; i < n; i++) {
		buf_addstr(&digits, i && v->space ? " " : "");
		buf_addstr(&digits, v->sharp && (!i || v->space) ? prefix : "");
		buf_addf(&digits, v->letter == 'x' ? "%02x" : "%02X", (unsigned char)s[i]);
	}
	scalar_padded(b, v, buf_str(&digits));
}

bool scalar_text(struct buf *b, const struct verb *v, const char *s)
{
	size_t end = 0, n = strlen(s);
	uint32_t rune;

	for (int i = 0; end < n && (v->precision < 0 || i < v->precision); i++)
		end += utf8_decode(s + end, n - end, &rune);
	AUTO_FREE char *part = xstrndup(s, end);
	if (v->letter == 'q' || (v->letter == 'v' && v->go)) {
		AUTO_FREE char *text = quoted(part, v);
		scalar_padded(b, v, text);
	} else if (v->letter == 'v' || v->letter == 's') {
		scalar_padded(b, v, part);
	} else if (v->letter == 'x' || v->letter == 'X') {
		add_hex(b, v, s);
	} else {
		return false;
	}
	return true;
}

bool scalar_bool(struct buf *b, const struct verb *v, bool is)
{
	if (v->letter != 'v' && v->letter != 't')
		return false;
	scalar_padded(b, v, is ? "true" : "false");
	return true;
}

/* --- numbers --- */

static void add_rune(struct buf *b, const struct verb *v, int64_t i)
{
	uint32_t rune = i < 0 || i > RUNE_MAX ? UTF8_INVALID : (uint32_t)i;
	AUTO_BUF struct buf text = BUF_INIT(INTEGER_MAX);
	char bytes[4];
	size_t width = utf8_encode(rune, bytes);

	if (v->letter == 'U') {
		buf_addf(&text, "U+%0*llX", v->precision > 4 ? v->precision : 4,
			(unsigned long long)i);
		if (v->sharp && i >= ' ' && i <= RUNE_MAX && i != 0x7f)
			buf_addf(&text, " '%.*s'", (int)width, bytes);
		add_with_blanks(b, v, buf_str(&text));
		return;
	}
	if (v->letter == 'c') {
		buf_add(&text, bytes, width);
	} else {
		buf_addch(&text, '\'');
		add_quoted_rune(&text, rune, bytes, width, '\'', v->plus);
		buf_addch(&text, '\'');
	}
	scalar_padded(b, v, buf_str(&text));
}

static void add_in_base(struct buf *b, const struct verb *v, int64_t i, unsigned base)
{
	const char *digits = v->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	const char *sign = i < 0 ? "-" : v->plus ? "+" : v->space ? " " : "";
	uint64_t rest = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	char text[INTEGER_MAX], *at = text + sizeof(text) - 1;
	int least = v->precision, n = 0;

	*at = '\0';
	if (!least && !i) {
		add_with_blanks(b, v, "");
		return;
	}
	if (v->zero && !v->left && least < 0)
		least = v->width - (int)strlen(sign); /* zeros, then what base it is */
	for (; rest || !n || n < least; rest /= base, n++)
		*--at = digits[rest % base];
	const char *prefix = v->letter == 'O'                      ? "0o"
	                     : v->sharp && base == 2               ? "0b"
	                     : v->sharp && base == 16              ? "0x"
	                     : v->sharp && base == 8 && *at != '0' ? "0"
	                                                           : "";
	if (v->letter == 'X' && *prefix)
		prefix = "0X";
	AUTO_FREE char *number = xasprintf("%s%s%s", sign, prefix, at);
	add_with_blanks(b, v, number);
}

bool scalar_integer(struct buf *b, const struct verb *v, int64_t i)
{
	switch (v->letter) {
	case 'v':
	case 'd':
		add_in_base(b, v, i, 10);
		return true;
	case 'b':
		add_in_base(b, v, i, 2);
		return true;
	case 'o':
	case 'O':
		add_in_base(b, v, i, 8);
		return true;
	case 'x':
	case 'X':
		add_in_base(b, v, i, 16);
		return true;
	case 'c':
	case 'q':
	case 'U':
		add_rune(b, v, i);
		return true;
	default:
		return false;
	}
}

static char *real_text(const struct verb *v, double d)
{
	const int precision = v->precision < 0 ? PRECISION : v->precision;
	char *shortest;

	switch (v->letter) {
	case 'v':
	case 'g':
		return v->precision < 0 ? number_real(d) : xasprintf("%.*g", precision, d);
	case 'G':
		if (v->precision >= 0)
			return xasprintf("%.*G", precision, d);
		shortest = number_real(d);
		str_upper(shortest);
		return shortest;
	case 'f':
	case 'F':
		return xasprintf("%.*f", precision, d);
	case 'e':
		return xasprintf("%.*e", precision, d);
	case 'E':
		return xasprintf("%.*E", precision, d);
	default:
		return NULL;
	}
}

/* Zeros go behind a sign. */
bool scalar_real(struct buf *b, const struct verb *v, double d)
{
	AUTO_FREE char *text = real_text(v, d);

	if (!text)
		return false;
	const char *digits = text + (*text == '-');
	const char *sign = digits > text ? "-" : v->plus ? "+" : v->space ? " " : "";
	if (v->zero && !v->left && *sign) {
		struct verb rest = *v;
		rest.width--;
		buf_addstr(b, sign);
		scalar_padded(b, &rest, digits);
	} else {
		AUTO_FREE char *number = xasprintf("%s%s", sign, digits);
		scalar_padded(b, v, number);
	}
	return true;
}
