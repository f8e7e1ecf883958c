/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/utf8.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

/* struct json is jansson's json_t under our name */
static json_t *in(const struct json *j)
{
	union {
		const struct json *c;
		json_t *j;
	} u = {.c = j};
	return u.j;
}

static struct json *out(json_t *j)
{
	return (struct json *)j;
}

static struct json *made(json_t *j)
{
	if (!j) /* jansson fails here only for want of memory */
		xmalloc_failed();
	return out(j);
}

/* jansson allows 2048 levels of recursion; we want fewer, and check before it allocates. */
static bool too_deep(const char *text, size_t n)
{
	unsigned depth = 0;
	bool string = false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				string = false;
		} else if (c == '"') {
			string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DEPTH_MAX)
				return true;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return false;
}

int json_parse(const char *text, size_t n, const char *what, struct json **ret, struct err *err)
{
	if (too_deep(text, n))
		return err_set(
			err, ERR_INVALID, "%s: nested more than %d levels deep", what, DEPTH_MAX);
	json_error_t e;
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!j)
		return err_set(err, ERR_INVALID, "%s is not JSON: line %d, column %d: %s", what,
			e.line, e.column, e.text);
	*ret = out(j);
	return 0;
}

void json_free(struct json *j)
{
	json_decref(in(j));
}

struct json *json_ref(struct json *j)
{
	return out(json_incref(in(j)));
}

struct json *json_clone(const struct json *j)
{
	return made(json_deep_copy(in(j)));
}

char *json_dump(const struct json *j, int indent)
{
	char *s = json_dumps(
		in(j), JSON_ENCODE_ANY | (indent ? JSON_INDENT((size_t)indent) : JSON_COMPACT));
	if (!s)
		xmalloc_failed();
	return s;
}

enum json_kind json_kind(const struct json *j)
{
	if (!j)
		return JSON_KIND_NULL;
	switch (json_typeof(in(j))) {
	case JSON_OBJECT:
		return JSON_KIND_OBJECT;
	case JSON_ARRAY:
		return JSON_KIND_ARRAY;
	case JSON_STRING:
		return JSON_KIND_STRING;
	case JSON_INTEGER:
		return JSON_KIND_INT;
	case JSON_REAL:
		return JSON_KIND_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return JSON_KIND_BOOL;
	case JSON_NULL:
		break;
	}
	return JSON_KIND_NULL;
}

bool json_is(const struct json *j, enum json_kind kind)
{
	return j && json_kind(j) == kind;
}

struct json *json_get(const struct json *j, const char *key)
{
	return out(json_object_get(in(j), key));
}

struct json *json_at(const struct json *j, size_t i)
{
	return out(json_array_get(in(j), i));
}

size_t json_size(const struct json *j)
{
	return json_is_array(in(j)) ? json_array_size(in(j)) : json_object_size(in(j));
}

void *json_iter(const struct json *j)
{
	return json_object_iter(in(j));
}

void *json_next(const struct json *j, void *it)
{
	return json_object_iter_next(in(j), it);
}

const char *json_iter_key(void *it)
{
	return json_object_iter_key(it);
}

struct json *json_iter_value(void *it)
{
	return out(json_object_iter_value(it));
}

/* encoding/json's folding: of what is not ASCII only these two fold into it. */
static int next_folded(const char **key)
{
	static const char long_s[] = "\u017f", kelvin[] = "\u212a";
	int c = 0;
	if (str_has_prefix(*key, long_s)) {
		*key += strlen(long_s);
		c = 's';
	} else if (str_has_prefix(*key, kelvin)) {
		*key += strlen(kelvin);
		c = 'k';
	} else if (**key) {
		c = tolower((unsigned char)*(*key)++);
	}
	return c;
}

static bool folds_to(const char *key, const char *name)
{
	for (; *name; name++)
		if (next_folded(&key) != tolower((unsigned char)*name))
			return false;
	return !*key;
}

int json_check_spelling(
	const struct json *o, const char *what, const char *const *names, size_t n, struct err *err)
{
	for (void *it = json_iter(o); it; it = json_next(o, it))
		for (size_t i = 0; i < n; i++)
			if (!streq(json_iter_key(it), names[i]) &&
				folds_to(json_iter_key(it), names[i]))
				return err_set(err, ERR_INVALID,
					"%s: member '%.64s' would be '%s' to some readers, and not "
					"to others",
					what, json_iter_key(it), names[i]);
	return 0;
}

const char *json_text(const struct json *j)
{
	return json_string_value(in(j));
}

int64_t json_int(const struct json *j)
{
	return json_integer_value(in(j));
}

double json_double(const struct json *j)
{
	return json_number_value(in(j));
}

bool json_bool(const struct json *j)
{
	return json_is_true(in(j));
}

static const char *kind_name(enum json_kind kind)
{
	static const char *const names[] = {
		[JSON_KIND_NULL] = "null",
		[JSON_KIND_BOOL] = "a boolean",
		[JSON_KIND_INT] = "a whole number",
		[JSON_KIND_REAL] = "a number",
		[JSON_KIND_STRING] = "a string",
		[JSON_KIND_ARRAY] = "an array",
		[JSON_KIND_OBJECT] = "an object",
	};
	return names[kind];
}

int json_get_kind(const struct json *o, const char *what, const char *key, enum json_kind kind,
	struct json **ret, struct err *err)
{
	struct json *v = json_get(o, key);
	if (!v || json_kind(v) == JSON_KIND_NULL)
		return 0;
	if (json_kind(v) != kind)
		return err_set(err, ERR_INVALID, "%s: '%s' is not %s", what, key, kind_name(kind));
	*ret = v;
	return 0;
}

int json_get_string(
	const struct json *o, const char *what, const char *key, const char **ret, struct err *err)
{
	struct json *v = NULL;
	if (json_get_kind(o, what, key, JSON_KIND_STRING, &v, err) < 0)
		return err->code;
	if (v)
		*ret = json_text(v);
	return 0;
}

int json_get_int(
	const struct json *o, const char *what, const char *key, int64_t *ret, struct err *err)
{
	struct json *v = NULL;
	if (json_get_kind(o, what, key, JSON_KIND_INT, &v, err) < 0)
		return err->code;
	if (v)
		*ret = json_int(v);
	return 0;
}

int json_get_bool(
	const struct json *o, const char *what, const char *key, bool *ret, struct err *err)
{
	struct json *v = NULL;
	if (json_get_kind(o, what, key, JSON_KIND_BOOL, &v, err) < 0)
		return err->code;
	if (v)
		*ret = json_bool(v);
	return 0;
}

int json_get_strv(
	const struct json *o, const char *what, const char *key, struct strv *ret, struct err *err)
{
	struct json *v = NULL;
	if (json_get_kind(o, what, key, JSON_KIND_ARRAY, &v, err) < 0)
		return err->code;
	for (size_t i = 0; i < (v ? json_size(v) : 0); i++) {
		if (!json_is(json_at(v, i), JSON_KIND_STRING))
			return err_set(err, ERR_INVALID,
				"%s: '%s' holds something that is not a string", what, key);
		strv_add(ret, json_text(json_at(v, i)));
	}
	return 0;
}

int json_get_map(
	const struct json *o, const char *what, const char *key, struct map *ret, struct err *err)
{
	struct json *v = NULL;
	if (json_get_kind(o, what, key, JSON_KIND_OBJECT, &v, err) < 0)
		return err->code;
	for (void *it = json_iter(v); it; it = json_next(v, it)) {
		if (!json_is(json_iter_value(it), JSON_KIND_STRING))
			return err_set(err, ERR_INVALID,
				"%s: '%s' holds something that is not a string", what, key);
		map_set(ret, json_iter_key(it), json_text(json_iter_value(it)));
	}
	return 0;
}

struct json *json_new_object(void)
{
	return made(json_object());
}

struct json *json_new_array(void)
{
	return made(json_array());
}

/* s with U+FFFD for each byte that is not part of UTF-8, or NULL when s is fine. */
static char *utf8_repaired(const char *s)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t n = strlen(s), valid = 0;
	for (size_t len; valid < n && (len = utf8_width(s + valid, n - valid)); valid += len)
		;
	if (valid == n)
		return NULL;
	struct buf fixed = BUF_INIT(SIZE_MAX / 2);
	for (size_t i = 0; i < n;) {
		size_t len = utf8_width(s + i, n - i);
		buf_add(&fixed, len ? s + i : replacement, len ? len : sizeof(replacement) - 1);
		i += len ? len : 1;
	}
	return buf_take(&fixed);
}

struct json *json_new_string(const char *s)
{
	AUTO_FREE char *fixed = utf8_repaired(s);
	return made(json_string_nocheck(fixed ? fixed : s));
}

struct json *json_new_int(int64_t i)
{
	return made(json_integer(i));
}

struct json *json_new_real(double d)
{
	return made(json_real(d));
}

struct json *json_new_bool(bool b)
{
	return made(json_boolean(b));
}

struct json *json_new_null(void)
{
	return made(json_null());
}

struct json *json_new_strv(const struct strv *s)
{
	struct json *a = json_new_array();
	for (size_t i = 0; i < s->n; i++)
		json_add(a, json_new_string(s->v[i]));
	return a;
}

struct json *json_new_map(const struct map *m)
{
	AUTO_MAP struct map sorted = MAP_INIT;
	map_copy(&sorted, m);
	map_sort(&sorted);
	struct json *o = json_new_object();
	MAP_FOREACH (e, &sorted)
		json_set(o, e->key, e->value ? json_new_string(e->value) : json_new_null());
	return o;
}

void json_set(struct json *o, const char *key, struct json *value)
{
	AUTO_FREE char *fixed = utf8_repaired(key);
	if (json_object_set_new_nocheck(in(o), fixed ? fixed : key, in(value)) < 0)
		xmalloc_failed();
}

void json_set_string(struct json *o, const char *key, const char *s)
{
	if (s)
		json_set(o, key, json_new_string(s));
}

void json_set_int(struct json *o, const char *key, int64_t i)
{
	json_set(o, key, json_new_int(i));
}

void json_remove(struct json *o, const char *key)
{
	(void)json_object_del(in(o), key);
}

void json_add(struct json *a, struct json *value)
{
	if (json_array_append_new(in(a), in(value)) < 0)
		xmalloc_failed();
}
