/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ignore_escape.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define RUNE_MAX 0x10ffff

static bool is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

/* ASCII only, as RE2 has it */
static bool is_word(uint32_t c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static int digit_of(char c, unsigned base)
{
	int v = is_digit((unsigned char)c)     ? c - '0'
	        : (c | 0x20) >= 'a' && c < 127 ? (c | 0x20) - 'a' + 10
	                                       : 99;
	return v < (int)base ? v : -1;
}

/* Up to max digits; how many there are. */
static size_t number(const char *s, unsigned base, size_t max, uint32_t *ret)
{
	size_t n = 0;
	for (*ret = 0; n < max && digit_of(s[n], base) >= 0 && *ret <= RUNE_MAX; n++)
		*ret = *ret * base + (uint32_t)digit_of(s[n], base);
	return n;
}

/* \x41, \x{1f600} */
static size_t hexadecimal(const char *s, uint32_t *ret)
{
	if (s[1] != '{')
		return number(s + 1, 16, 2, ret) == 2 ? 3 : 0;
	size_t n = number(s + 2, 16, SIZE_MAX, ret);
	return n > 0 && s[2 + n] == '}' && *ret <= RUNE_MAX ? n + 3 : 0;
}

/* \0 to \777; one digit that is not 0 would refer back, which RE2 does not. */
static size_t octal(const char *s, uint32_t *ret)
{
	size_t n = number(s, 8, 3, ret);
	return n > 1 || *s == '0' ? n : 0;
}

size_t escape_parse(const char *s, struct escape *ret)
{
	static const char names[] = "afnrtv", runes[] = "\a\f\n\r\t\v";
	const char *name = *s ? strchr(names, *s) : NULL;
	*ret = (struct escape){.kind = ESCAPE_CHAR, .rune = (unsigned char)*s};
	if (!*s || (unsigned char)*s >= 0x80)
		return 0;
	if (*s == '_' || !is_word(ret->rune))
		return 1;
	if (name) {
		ret->rune = (unsigned char)runes[name - names];
		return 1;
	}
	if (is_digit(ret->rune))
		return octal(s, &ret->rune);
	if (*s == 'x')
		return hexadecimal(s, &ret->rune);
	ret->kind = strchr("dDsSwW", *s) ? ESCAPE_SET : ESCAPE_PLACE;
	return strchr("dDsSwWbBAz", *s) ? 1 : 0;
}

bool escape_in_set(uint32_t letter, uint32_t rune)
{
	switch (letter) {
	case 'd':
		return is_digit(rune);
	case 's':
		return rune && rune < 0x80 && strchr("\t\n\f\r ", (int)rune);
	case 'w':
		return is_word(rune);
	default:
		return !escape_in_set(letter | 0x20, rune);
	}
}

bool escape_in_place(uint32_t letter, uint32_t before, uint32_t after)
{
	if (letter == 'A')
		return before == ESCAPE_NONE;
	if (letter == 'z')
		return after == ESCAPE_NONE;
	return (is_word(before) != is_word(after)) == (letter == 'b');
}

static const struct {
	const char *name, *ranges; /* first and last of each; no path has a NUL */
} posix_sets[] = {
	{"alnum", "09AZaz"},
	{"alpha", "AZaz"},
	{"ascii", "\x01\x7f"},
	{"blank", "\t\t  "},
	{"cntrl", "\x01\x1f\x7f\x7f"},
	{"digit", "09"},
	{"graph", "!~"},
	{"lower", "az"},
	{"print", " ~"},
	{"punct", "!/:@[`{~"},
	{"space", "\t\r  "},
	{"upper", "AZ"},
	{"word", "09AZ__az"},
	{"xdigit", "09AFaf"},
};

/* [:alpha:] and [:^alpha:] inside of a class */
static size_t posix_item(const char *s, struct escape *ret)
{
	const char *end = strstr(s + 2, ":]"), *name = s + 2 + (s[2] == '^');
	for (size_t i = 0; i < ARRAY_LEN(posix_sets); i++)
		if (name <= end && strlen(posix_sets[i].name) == (size_t)(end - name) &&
			memcmp(posix_sets[i].name, name, (size_t)(end - name)) == 0) {
			*ret = (struct escape){
				s[2] == '^' ? ESCAPE_NOT_POSIX : ESCAPE_POSIX, (uint32_t)i};
			return (size_t)(end + 2 - s);
		}
	return 0;
}

static bool posix_has(uint32_t set, uint32_t rune)
{
	bool has = false;
	for (const char *r = posix_sets[set].ranges; *r; r += 2)
		has |= rune >= (unsigned char)r[0] && rune <= (unsigned char)r[1];
	return has;
}

/* One character or set of a class, or one end of a range. Its bytes; 0: Go does not know it. */
static size_t class_item(const char *s, struct escape *ret)
{
	if (s[0] == '[' && s[1] == ':' && strstr(s + 2, ":]"))
		return posix_item(s, ret);
	if (*s == '\\') {
		size_t n = escape_parse(s + 1, ret);
		return n && ret->kind != ESCAPE_PLACE ? n + 1 : 0;
	}
	*ret = (struct escape){.kind = ESCAPE_CHAR};
	return utf8_decode(s, strlen(s), &ret->rune);
}

/* The next items of a class, *s moves behind them. false: they are none. */
static bool class_range(const char **s, struct escape *ret_first, struct escape *ret_last)
{
	size_t n = class_item(*s, ret_first);
	*s += n;
	*ret_last = *ret_first;
	/* behind a set it is a character */
	if (!n || (*s)[0] != '-' || (*s)[1] == ']' || ret_first->kind != ESCAPE_CHAR)
		return n > 0;
	n = class_item(*s + 1, ret_last);
	*s += n + 1;
	return n && ret_last->kind == ESCAPE_CHAR && ret_first->rune <= ret_last->rune;
}

size_t escape_class_length(const char *class)
{
	const char *s = class + 1 + (class[1] == '^');
	struct escape first, last;
	for (bool begins = true; begins || *s != ']'; begins = false)
		if (!*s || !class_range(&s, &first, &last))
			return 0;
	return (size_t)(s + 1 - class);
}

static bool item_has(const struct escape *first, const struct escape *last, uint32_t rune)
{
	switch (first->kind) {
	case ESCAPE_SET:
		return escape_in_set(first->rune, rune);
	case ESCAPE_POSIX:
		return posix_has(first->rune, rune);
	case ESCAPE_NOT_POSIX:
		return !posix_has(first->rune, rune);
	default:
		return first->rune <= rune && rune <= last->rune;
	}
}

bool escape_class_has(const char *class, uint32_t rune)
{
	bool negated = class[1] == '^', hit = false;
	const char *s = class + 1 + negated;
	struct escape first, last;
	for (bool begins = true; begins || *s != ']'; begins = false) {
		if (!class_range(&s, &first, &last))
			return false;
		hit |= item_has(&first, &last, rune);
	}
	return hit != negated;
}
