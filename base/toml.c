/* SPDX-License-Identifier: Apache-2.0 */
#include "base/toml.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strv.h"

#define DEPTH_MAX 16 /* of arrays and inline tables: recursion on the stack */
#define KEY_PARTS_MAX 16 /* of a dotted key */
#define STRING_MAX (64 * KIB)

struct parser {
	const char *p, *end;
	const char *what;
	unsigned line;
	unsigned depth;
	struct json *root;
	struct json *table; /* borrowed: the one that keys go to */
	/* Tables that may not be opened or extended again by a header: those that had one, and
	 * inline ones. Borrowed. */
	const struct json **closed;
	size_t n_closed;
};

static int fail(struct parser *t, struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "%s:%u: %s", t->what, t->line, what);
}

static bool is_closed(const struct parser *t, const struct json *table)
{
	for (size_t i = 0; i < t->n_closed; i++)
		if (t->closed[i] == table)
			return true;
	return false;
}

static void close_table(struct parser *t, const struct json *table)
{
	t->closed = xreallocarray(t->closed, t->n_closed + 1, sizeof(*t->closed));
	t->closed[t->n_closed++] = table;
}

static char peek(const struct parser *t)
{
	if (t->p == t->end)
		return '\0';
	return *t->p;
}

static void skip_blank(struct parser *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t'))
		t->p++;
}

static void skip_comment(struct parser *t)
{
	if (peek(t) == '#')
		while (t->p < t->end && *t->p != '\n')
			t->p++;
}

/* blanks, comments and newlines: between lines and inside arrays */
static void skip_space(struct parser *t)
{
	for (;;) {
		skip_blank(t);
		skip_comment(t);
		if (peek(t) == '\r' && t->p + 1 < t->end && t->p[1] == '\n')
			t->p++;
		if (peek(t) != '\n')
			return;
		t->line++;
		t->p++;
	}
}

static int end_of_line(struct parser *t, struct err *err)
{
	skip_blank(t);
	skip_comment(t);
	if (peek(t) == '\r')
		t->p++;
	if (t->p < t->end && *t->p != '\n')
		return fail(t, err, "something follows the value on its line");
	return 0;
}

static void add_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_addch(b, (char)c);
	} else if (c < 0x800) {
		buf_addch(b, (char)(0xc0 | (c >> 6)));
		buf_addch(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_addch(b, (char)(0xe0 | (c >> 12)));
		buf_addch(b, (char)(0x80 | ((c >> 6) & 0x3f)));
		buf_addch(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_addch(b, (char)(0xf0 | (c >> 18)));
		buf_addch(b, (char)(0x80 | ((c >> 12) & 0x3f)));
		buf_addch(b, (char)(0x80 | ((c >> 6) & 0x3f)));
		buf_addch(b, (char)(0x80 | (c & 0x3f)));
	}
}

static int parse_unicode(struct parser *t, unsigned digits, struct buf *b, struct err *err)
{
	uint32_t c = 0;
	for (unsigned i = 0; i < digits; i++) {
		static const char hex[] = "0123456789abcdef";
		char ch = peek(t);
		const char *at = ch ? strchr(hex, ch >= 'A' && ch <= 'F' ? ch + 32 : ch) : NULL;
		if (!at)
			return fail(t, err, "bad \\u escape");
		c = c << 4 | (uint32_t)(at - hex);
		t->p++;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return fail(t, err, "\\u escape is not a character");
	add_utf8(b, c);
	return 0;
}

static int parse_escape(struct parser *t, struct buf *b, struct err *err)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	char c = peek(t);
	t->p++;
	if (c == 'u')
		return parse_unicode(t, 4, b, err);
	if (c == 'U')
		return parse_unicode(t, 8, b, err);
	const char *at = c ? strchr(from, c) : NULL;
	if (!at)
		return fail(t, err, "unknown escape in a string");
	buf_addch(b, to[at - from]);
	return 0;
}

static int parse_string(struct parser *t, char **ret, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(STRING_MAX);
	char quote = *t->p++;
	if (t->end - t->p >= 2 && t->p[0] == quote && t->p[1] == quote)
		return fail(t, err, "multi-line strings are not supported");
	while (peek(t) != quote) {
		char c = peek(t);
		if (t->p >= t->end || ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f)
			return fail(t, err,
				"string is not ended on its line, or holds a control character");
		t->p++;
		if (c == '\\' && quote == '"') {
			int r = parse_escape(t, &b, err);
			if (r < 0)
				return r;
		} else {
			buf_addch(&b, c);
		}
	}
	t->p++;
	if (b.toobig)
		return err_set(err, ERR_LIMIT, "%s:%u: string is too long", t->what, t->line);
	*ret = xstrdup(buf_str(&b));
	return 0;
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* a.b."c d": the parts are appended to key */
static int parse_key(struct parser *t, struct strv *key, struct err *err)
{
	for (;;) {
		skip_blank(t);
		if (peek(t) == '"' || peek(t) == '\'') {
			char *part;
			int r = parse_string(t, &part, err);
			if (r < 0)
				return r;
			strv_add_take(key, part);
		} else {
			const char *start = t->p;
			while (t->p < t->end && is_bare(*t->p))
				t->p++;
			if (t->p == start)
				return fail(t, err, "a key is missing");
			strv_add_take(key, xstrndup(start, (size_t)(t->p - start)));
		}
		skip_blank(t);
		if (key->n > KEY_PARTS_MAX)
			return fail(t, err, "key has too many parts");
		if (peek(t) != '.')
			return 0;
		t->p++;
	}
}

/* The table that all but the last part of key name, made where missing; a last element is taken
 * from an array of tables (headers only). */
static int descend(struct parser *t, struct json *from, const struct strv *key, bool header,
	struct json **ret, struct err *err)
{
	for (size_t i = 0; i + 1 < key->n; i++) {
		struct json *next = json_get(from, key->v[i]);
		if (!next) {
			next = json_new_object();
			json_set(from, key->v[i], next);
		} else if (header && json_is(next, JSON_KIND_ARRAY) && json_size(next) &&
			   json_is(json_at(next, json_size(next) - 1), JSON_KIND_OBJECT)) {
			next = json_at(next, json_size(next) - 1);
		}
		if (!json_is(next, JSON_KIND_OBJECT) || (!header && is_closed(t, next)))
			return fail(t, err,
				"key goes through something that is not a table, or one that is "
				"closed");
		from = next;
	}
	*ret = from;
	return 0;
}

static int parse_value(struct parser *t, struct json **ret, struct err *err);

static int parse_array(struct parser *t, struct json **ret, struct err *err)
{
	AUTO_JSON struct json *array = json_new_array();
	t->p++;
	for (;;) {
		skip_space(t);
		if (peek(t) == ']')
			break;
		struct json *value;
		int r = parse_value(t, &value, err);
		if (r < 0)
			return r;
		json_add(array, value);
		skip_space(t);
		if (peek(t) == ',')
			t->p++;
		else if (peek(t) != ']')
			return fail(t, err, "array lacks ',' or ']'");
	}
	t->p++;
	*ret = take(array);
	return 0;
}

static int parse_pair(struct parser *t, struct json *table, struct err *err)
{
	AUTO_STRV struct strv key = STRV_INIT;
	int r = parse_key(t, &key, err);
	if (r < 0)
		return r;
	if (peek(t) != '=')
		return fail(t, err, "'=' is missing after the key");
	t->p++;
	skip_blank(t);
	r = descend(t, table, &key, false, &table, err);
	if (r < 0)
		return r;
	assert(key.n); /* parse_key() gives one part or more */
	const char *last = key.v[key.n - 1];
	if (json_get(table, last))
		return err_set(
			err, ERR_INVALID, "%s:%u: '%s' is set twice", t->what, t->line, last);
	struct json *value;
	r = parse_value(t, &value, err);
	if (r < 0)
		return r;
	json_set(table, last, value);
	return 0;
}

static int parse_inline_table(struct parser *t, struct json **ret, struct err *err)
{
	AUTO_JSON struct json *table = json_new_object();
	t->p++;
	skip_blank(t);
	while (peek(t) != '}') {
		int r = parse_pair(t, table, err);
		if (r < 0)
			return r;
		skip_blank(t);
		if (peek(t) == '}')
			break;
		if (peek(t) != ',')
			return fail(t, err, "inline table lacks ',' or '}'");
		t->p++;
		skip_blank(t);
	}
	t->p++;
	close_table(t, table);
	*ret = take(table);
	return 0;
}

static int parse_word(struct parser *t, struct json **ret, struct err *err)
{
	const char *start = t->p;
	while (t->p < t->end && (is_bare(*t->p) || *t->p == '+' || *t->p == '.' || *t->p == ':'))
		t->p++;
	AUTO_FREE char *word = xstrndup(start, (size_t)(t->p - start));
	int64_t i;
	if (streq(word, "true") || streq(word, "false"))
		*ret = json_new_bool(*word == 't');
	else if (num_i64(*word == '+' ? word + 1 : word, INT64_MIN, INT64_MAX, &i))
		*ret = json_new_int(i);
	else
		return err_set(err, ERR_INVALID,
			"%s:%u: '%.40s' is not a string, integer, boolean, array or table", t->what,
			t->line, word);
	return 0;
}

static int parse_value(struct parser *t, struct json **ret, struct err *err)
{
	char c = peek(t);
	if (c == '"' || c == '\'') {
		AUTO_FREE char *s = NULL;
		int r = parse_string(t, &s, err);
		if (r < 0)
			return r;
		*ret = json_new_string(s);
		return 0;
	}
	if (c != '[' && c != '{')
		return parse_word(t, ret, err);
	if (t->depth >= DEPTH_MAX)
		return err_set(
			err, ERR_LIMIT, "%s:%u: values are nested too deeply", t->what, t->line);
	t->depth++;
	int r = c == '[' ? parse_array(t, ret, err) : parse_inline_table(t, ret, err);
	t->depth--;
	return r;
}

/* [a.b] or [[a.b]] */
static int parse_header(struct parser *t, struct err *err)
{
	AUTO_STRV struct strv key = STRV_INIT;
	t->p++;
	bool array = peek(t) == '[';
	t->p += array;
	int r = parse_key(t, &key, err);
	if (r < 0)
		return r;
	for (int i = 0; i < (array ? 2 : 1); i++) {
		if (peek(t) != ']')
			return fail(t, err, "table header lacks ']'");
		t->p++;
	}
	struct json *in;
	r = descend(t, t->root, &key, true, &in, err);
	if (r < 0)
		return r;
	const char *last = key.v[key.n - 1];
	struct json *there = json_get(in, last);
	if (array) {
		if (!there) {
			there = json_new_array();
			json_set(in, last, there);
			close_table(t, there); /* marks it as made by headers: a static array may
			                          not grow */
		}
		if (!json_is(there, JSON_KIND_ARRAY) || !is_closed(t, there))
			return err_set(err, ERR_INVALID, "%s:%u: '%s' is not an array of tables",
				t->what, t->line, last);
		t->table = json_new_object();
		json_add(there, t->table);
		return end_of_line(t, err);
	}
	if (!there) {
		there = json_new_object();
		json_set(in, last, there);
	}
	if (!json_is(there, JSON_KIND_OBJECT) || is_closed(t, there))
		return err_set(err, ERR_INVALID, "%s:%u: table '%s' is defined twice", t->what,
			t->line, last);
	close_table(t, there);
	t->table = there;
	return end_of_line(t, err);
}

static int parse_document(struct parser *t, struct err *err)
{
	for (;;) {
		skip_space(t);
		if (t->p >= t->end)
			return 0;
		int r;
		if (*t->p == '[') {
			r = parse_header(t, err);
		} else {
			r = parse_pair(t, t->table, err);
			if (r == 0)
				r = end_of_line(t, err);
		}
		if (r < 0)
			return r;
	}
}

int toml_parse(const char *text, size_t n, const char *what, struct json **ret, struct err *err)
{
	if (n > TOML_MAX)
		return err_set(err, ERR_LIMIT, "%s is larger than %llu bytes", what, TOML_MAX);
	if (memchr(text, '\0', n))
		return err_set(err, ERR_INVALID, "%s holds a NUL byte", what);
	AUTO_JSON struct json *root = json_new_object();
	struct parser t = {
		.p = text, .end = text + n, .what = what, .line = 1, .root = root, .table = root};
	int r = parse_document(&t, err);
	free(t.closed);
	if (r < 0)
		return r;
	*ret = take(root);
	return 0;
}
