/* SPDX-License-Identifier: Apache-2.0 */
#include "build/json_words.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#define NESTING_MAX 10000 /* Go's encoding/json refuses deeper, too */

struct scanner {
	const char *at;
	unsigned char in_object[NESTING_MAX / 8 + 1]; /* what each open bracket is */
	unsigned depth;
	bool nul;
};

static void skip_space(struct scanner *s)
{
	s->at += strspn(s->at, " \t\r\n");
}

static int hex4(const char *p)
{
	int v = 0;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int digit = c >= '0' && c <= '9'                     ? c - '0'
		            : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
		                                                     : -1;
		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

/* Behind "\u". */
static bool unicode_escape(struct scanner *s, struct buf *out)
{
	int unit = hex4(s->at);
	if (unit < 0)
		return false;
	s->at += 4;
	uint32_t rune = (uint32_t)unit;
	if (unit >= 0xd800 && unit < 0xe000) {
		rune = UTF8_INVALID;
		int low =
			unit < 0xdc00 && s->at[0] == '\\' && s->at[1] == 'u' ? hex4(s->at + 2) : -1;
		if (low >= 0xdc00 && low < 0xe000) {
			rune = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) +
			       (uint32_t)(low - 0xdc00);
			s->at += 6;
		}
	}
	s->nul |= rune == 0;
	char bytes[4];
	buf_add(out, bytes, utf8_encode(rune, bytes));
	return true;
}

/* at '"' */
static bool string(struct scanner *s, struct buf *out)
{
	for (s->at++;;) {
		size_t plain = 0;
		while (s->at[plain] != '"' && s->at[plain] != '\\' &&
			(unsigned char)s->at[plain] >= 0x20)
			plain++;
		buf_add(out, s->at, plain);
		s->at += plain;
		if (*s->at == '"') {
			s->at++;
			return true;
		}
		if (*s->at != '\\')
			return false;
		static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
		char c = s->at[1];
		const char *simple = c ? strchr(from, c) : NULL;
		s->at += c ? 2 : 1;
		if (simple)
			buf_addch(out, to[simple - from]);
		else if (c != 'u' || !unicode_escape(s, out))
			return false;
	}
}

static size_t digits(struct scanner *s)
{
	size_t n = strspn(s->at, "0123456789");
	s->at += n;
	return n;
}

static bool number(struct scanner *s)
{
	s->at += *s->at == '-';
	bool zero = *s->at == '0';
	size_t n = digits(s);
	if (n == 0 || (zero && n > 1))
		return false;
	if (*s->at == '.') {
		s->at++;
		if (digits(s) == 0)
			return false;
	}
	if (*s->at == 'e' || *s->at == 'E') {
		s->at++;
		s->at += *s->at == '+' || *s->at == '-';
		if (digits(s) == 0)
			return false;
	}
	return true;
}

static bool literal(struct scanner *s, const char *word)
{
	size_t n = strlen(word);
	if (strncmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

static bool object_key(struct scanner *s, struct buf *scratch)
{
	skip_space(s);
	buf_clear(scratch);
	if (*s->at != '"' || !string(s, scratch))
		return false;
	skip_space(s);
	if (*s->at != ':')
		return false;
	s->at++;
	skip_space(s);
	return true;
}

static bool in_object(const struct scanner *s)
{
	return s->in_object[(s->depth - 1) / 8] >> ((s->depth - 1) % 8) & 1;
}

/* '[' or '{', and the first key; *ret_empty: it ends at once. */
static bool enter(struct scanner *s, struct buf *scratch, bool *ret_empty)
{
	if (s->depth == NESTING_MAX)
		return false;
	bool object = *s->at++ == '{';
	unsigned char bit = (unsigned char)(1U << (s->depth % 8));
	unsigned char *at = &s->in_object[s->depth / 8];
	*at = (unsigned char)(object ? *at | bit : *at & ~bit);
	s->depth++;
	skip_space(s);
	*ret_empty = *s->at == (object ? '}' : ']');
	return *ret_empty || !object || object_key(s, scratch);
}

static bool scalar(struct scanner *s, struct buf *scratch)
{
	if (*s->at != '"')
		return literal(s, "true") || literal(s, "false") || literal(s, "null") || number(s);
	buf_clear(scratch);
	return string(s, scratch);
}

/* Behind a value: closes what ends here down to base, then takes a comma or is at the end. */
static bool leave(struct scanner *s, struct buf *scratch, unsigned base)
{
	for (skip_space(s); s->depth > base; skip_space(s)) {
		bool object = in_object(s);
		if (*s->at != (object ? '}' : ']'))
			return *s->at++ == ',' && (!object || object_key(s, scratch));
		s->at++;
		s->depth--;
	}
	return true;
}

/* A value of any kind, without recursion: the text decides how deep it nests. */
static bool value(struct scanner *s, struct buf *scratch)
{
	unsigned base = s->depth;
	do {
		bool whole = true;
		skip_space(s);
		bool open = *s->at == '[' || *s->at == '{';
		if (open ? !enter(s, scratch, &whole) : !scalar(s, scratch))
			return false;
		if (whole && !leave(s, scratch, base))
			return false;
	} while (s->depth > base);
	return true;
}

enum json_words_result json_words(
	const char *text, struct strv *words, size_t **ret_offsets, size_t *ret_at)
{
	if (*text != '[')
		return JSON_WORDS_NO;
	AUTO_FREE struct scanner *s = xcalloc(1, sizeof(*s));
	AUTO_BUF struct buf b = BUF_INIT(strlen(text) + 1);
	AUTO_STRV struct strv found = STRV_INIT;
	AUTO_FREE size_t *offsets = NULL;
	enum json_words_result result = JSON_WORDS_YES;
	s->at = text + 1;
	skip_space(s);
	if (*s->at == ']')
		s->at++;
	else
		for (bool more = true; more;) {
			skip_space(s);
			size_t start = (size_t)(s->at - text);
			buf_clear(&b);
			bool is_string = *s->at == '"';
			if (is_string ? !string(s, &b) : !value(s, &b))
				return JSON_WORDS_NO;
			if (result == JSON_WORDS_YES && (!is_string || s->nul)) {
				result = is_string ? JSON_WORDS_NUL : JSON_WORDS_MIXED;
				*ret_at = start;
			}
			/* doubled when full, that is at powers of two */
			if ((found.n & (found.n - 1)) == 0)
				offsets = xreallocarray(
					offsets, found.n ? found.n * 2 : 1, sizeof(*offsets));
			offsets[found.n] = start;
			strv_add(&found, buf_str(&b));
			skip_space(s);
			if (*s->at != ',' && *s->at != ']')
				return JSON_WORDS_NO;
			more = *s->at++ == ',';
		}
	skip_space(s);
	if (*s->at)
		return JSON_WORDS_NO;
	if (result == JSON_WORDS_YES) {
		STRV_FOREACH (word, &found)
			strv_add(words, *word);
		*ret_offsets = take(offsets);
	}
	return result;
}
