/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_verb.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/format.h"
#include "cmd/format_args.h"
#include "cmd/format_number.h"
#include "cmd/format_value.h"

#define INTEGER_MAX 160 /* bytes of one in any base, without its padding */

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

/* Width counts characters; zeros go behind a sign. */
static void add_padded(struct buf *b, const struct verb *v, const char *s)
{
	int fill = v->width - runes(s);
	bool zeros = v->zero && !v->left;

	if (zeros && fill > 0 && (*s == '-' || *s == '+') && v->letter != 's')
		buf_addch(b, *s++);
	for (int i = 0; i < fill && !v->left; i++)
		buf_addch(b, zeros ? '0' : ' ');
	buf_addstr(b, s);
	for (int i = 0; i < fill && v->left; i++)
		buf_addch(b, ' ');
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

static char *quoted(const char *s, bool ascii)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);
	size_t n = strlen(s);

	buf_addch(&b, '"');
	while (n) {
		uint32_t rune;
		size_t width = utf8_decode(s, n, &rune);
		add_quoted_rune(&b, rune, s, width, '"', ascii);
		s += width;
		n -= width;
	}
	buf_addch(&b, '"');
	return xstrdup(buf_str(&b));
}

static char *hex(const char *s, const struct verb *v)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);

	buf_addstr(&b, v->sharp ? "0x" : "");
	for (const char *c = s; *c; c++)
		buf_addf(&b, v->letter == 'x' ? "%s%02x" : "%s%02X", c > s && v->space ? " " : "",
			(unsigned char)*c);
	return xstrdup(buf_str(&b));
}

/* NULL: the verb is not one of text */
static char *format_text(const char *s, const struct verb *v)
{
	size_t end = 0, n = strlen(s);
	uint32_t rune;

	for (int i = 0; end < n && (v->precision < 0 || i < v->precision); i++)
		end += utf8_decode(s + end, n - end, &rune);
	AUTO_FREE char *part = xstrndup(s, end);
	switch (v->letter) {
	case 'v':
	case 's':
		if (v->letter == 'v' && v->sharp)
			return quoted(part, false);
		return xstrdup(part);
	case 'q':
		return quoted(part, v->plus);
	case 'x':
	case 'X':
		return hex(part, v);
	default:
		return NULL;
	}
}

/* --- numbers --- */

static char *format_rune(int64_t i, const struct verb *v)
{
	uint32_t rune = i < 0 || i > 0x10ffff ? UTF8_INVALID : (uint32_t)i;
	AUTO_BUF struct buf b = BUF_INIT(INTEGER_MAX);
	char text[4];

	if (v->letter == 'U')
		return xasprintf("U+%04llX", (unsigned long long)i);
	size_t width = utf8_encode(rune, text);
	if (v->letter == 'c')
		return xstrndup(text, width);
	buf_addch(&b, '\'');
	add_quoted_rune(&b, rune, text, width, '\'', v->plus);
	buf_addch(&b, '\'');
	return xstrdup(buf_str(&b));
}

static char *in_base(int64_t i, unsigned base, const char *prefix, const struct verb *v)
{
	const char *digits = v->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	const char *sign = i < 0 ? "-" : v->plus ? "+" : v->space ? " " : "";
	uint64_t rest = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	char text[INTEGER_MAX], *at = text + sizeof(text) - 1;
	int n = 0, least = v->precision;

	if (v->zero && !v->left && least < 0)
		least = v->width - (int)strlen(sign); /* zeros, then what base it is */
	*at = '\0';
	for (; rest || !n || (n < least && n < INTEGER_MAX - 1); rest /= base, n++)
		*--at = digits[rest % base];
	return xasprintf("%s%s%s", sign, v->sharp ? prefix : "", at);
}

/* NULL: the verb is not one of integers */
static char *format_integer(int64_t i, const struct verb *v)
{
	switch (v->letter) {
	case 'v':
	case 'd':
	case 's': /* what is a number here is text with docker */
		return in_base(i, 10, "", v);
	case 'b':
		return in_base(i, 2, "0b", v);
	case 'o':
		return in_base(i, 8, "0", v);
	case 'x':
		return in_base(i, 16, "0x", v);
	case 'X':
		return in_base(i, 16, "0X", v);
	case 'c':
	case 'q':
	case 'U':
		return format_rune(i, v);
	case 'f': /* a number is a number */
	case 'F':
		return xasprintf("%.*f", v->precision < 0 ? 6 : v->precision, (double)i);
	default:
		return NULL;
	}
}

static char *format_double(double d, const struct verb *v)
{
	const char *sign = d >= 0 && v->plus ? "+" : d >= 0 && v->space ? " " : "";
	int precision = v->precision < 0 ? 6 : v->precision;
	AUTO_FREE char *text = NULL;

	switch (v->letter) {
	case 'v':
	case 'g':
	case 's':
		text = v->precision < 0 ? number_real(d) : xasprintf("%.*g", precision, d);
		break;
	case 'f':
	case 'F':
		text = xasprintf("%.*f", precision, d);
		break;
	case 'e':
		text = xasprintf("%.*e", precision, d);
		break;
	case 'E':
		text = xasprintf("%.*E", precision, d);
		break;
	default:
		return NULL;
	}
	return xasprintf("%s%s", sign, text);
}

/* --- values --- */

const char *verb_type(const struct json *j)
{
	switch (j ? json_kind(j) : JSON_KIND_NULL) {
	case JSON_KIND_NULL:
		return "<nil>";
	case JSON_KIND_BOOL:
		return "bool";
	case JSON_KIND_INT:
		return "int";
	case JSON_KIND_REAL:
		return "float64";
	case JSON_KIND_STRING:
		return "string";
	case JSON_KIND_ARRAY:
		for (size_t i = 0; i < json_size(j); i++)
			if (!json_is(json_at(j, i), JSON_KIND_STRING))
				return "[]interface {}";
		return "[]string";
	case JSON_KIND_OBJECT:
		return "map[string]interface {}";
	}
	return "";
}

static void add_bad(struct buf *b, const struct verb *v, const struct json *j)
{
	AUTO_FREE char *text = j && json_kind(j) != JSON_KIND_NULL ? args_text(j) : NULL;

	if (text)
		buf_addf(b, "%%!%c(%s=%s)", v->letter, verb_type(j), text);
	else
		buf_addf(b, "%%!%c(<nil>)", v->letter);
}

/* A value that is no list and no map. */
static void add_scalar(struct buf *b, const struct verb *v, const struct json *j)
{
	const struct json *number = args_number(j);
	AUTO_FREE char *text = NULL, *plain = NULL;

	switch (json_kind(number != j && v->letter != 'd' ? NULL : number)) {
	case JSON_KIND_INT:
		text = format_integer(json_int(number), v);
		break;
	case JSON_KIND_REAL:
		text = format_double(json_double(number), v);
		break;
	case JSON_KIND_STRING:
		text = format_text(json_text(j), v);
		break;
	case JSON_KIND_BOOL:
		if (strchr("vts", v->letter))
			text = xstrdup(json_bool(j) ? "true" : "false");
		break;
	case JSON_KIND_NULL:
	case JSON_KIND_OBJECT: /* what prints as a text */
		plain = args_text(j);
		if (v->letter == 'v' || json_is(j, JSON_KIND_OBJECT))
			text = format_text(plain, v);
		break;
	case JSON_KIND_ARRAY:
		break;
	}
	if (text)
		add_padded(b, v, text);
	else
		add_bad(b, v, j);
}

/* It is for what a list or a map holds, not for the whole. */
void verb_add(struct buf *b, const struct verb *v, const struct json *j)
{
	if (json_is(j, JSON_KIND_ARRAY)) {
		buf_addch(b, '[');
		for (size_t i = 0; i < json_size(j); i++) {
			buf_addstr(b, i ? " " : "");
			verb_add(b, v, json_at(j, i));
		}
		buf_addch(b, ']');
	} else if (json_is(j, JSON_KIND_OBJECT) && !json_size(j)) {
		AUTO_FREE char *text = args_text(j); /* holds nothing that could be quoted */
		add_padded(b, v, text);
	} else if (json_is(j, JSON_KIND_OBJECT) && !json_get(j, "")) {
		AUTO_JSON struct json *keys = json_sorted_keys(j);
		buf_addstr(b, "map[");
		for (size_t i = 0; i < json_size(keys); i++) {
			buf_addstr(b, i ? " " : "");
			verb_add(b, v, json_at(keys, i));
			buf_addch(b, ':');
			verb_add(b, v, json_get(j, json_text(json_at(keys, i))));
		}
		buf_addch(b, ']');
	} else {
		add_scalar(b, v, j);
	}
}
