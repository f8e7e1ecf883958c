/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_args.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strv.h"
#include "base/utf8.h"
#include "cmd/format.h"
#include "cmd/format_escape.h"
#include "cmd/format_internal.h"
#include "cmd/format_value.h"

int args_bad(const struct args *a, const char *what)
{
	return err_set(a->err, ERR_INVALID, "template: %s: %s", a->name, what);
}

const struct json *args_number(const struct json *j)
{
	const struct json *n = json_is(j, JSON_KIND_OBJECT) ? json_get(j, FORMAT_PLAIN) : NULL;

	return json_is(n, JSON_KIND_INT) ? n : j;
}

char *args_text(const struct json *j)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);

	buf_addstr(&b, "");
	format_value(&b, j);
	char *s = buf_take(&b);
	return s ? s : xstrdup("");
}

/* --- comparing ------------------------------------------------------------------------------- */

static bool is_number(const struct json *j)
{
	return json_is(j, JSON_KIND_INT) || json_is(j, JSON_KIND_REAL);
}

static bool is_nil(const struct json *j)
{
	return !j || json_is(j, JSON_KIND_NULL);
}

/* *ret: -1, 0, 1. What a document lacks is equal to nothing else. */
static int compare(struct args *a, const struct json *x, const struct json *y, int *ret)
{
	const struct json *n = args_number(x), *m = args_number(y);

	if (json_is(n, JSON_KIND_INT) && json_is(m, JSON_KIND_INT))
		*ret = (json_int(n) > json_int(m)) - (json_int(n) < json_int(m));
	else if (is_number(n) && is_number(m))
		*ret = (json_double(n) > json_double(m)) - (json_double(n) < json_double(m));
	else if (json_is(x, JSON_KIND_STRING) && json_is(y, JSON_KIND_STRING))
		*ret = strcmp(json_text(x), json_text(y));
	else if (json_is(x, JSON_KIND_BOOL) && json_is(y, JSON_KIND_BOOL))
		*ret = json_bool(x) - json_bool(y);
	else if (is_nil(x) || is_nil(y))
		*ret = !is_nil(x) - !is_nil(y);
	else
		return args_bad(a, json_is(x, JSON_KIND_ARRAY) || json_is(x, JSON_KIND_OBJECT)
					   ? "non-comparable type"
					   : "incompatible types for comparison");
	return 0;
}

/* eq a b c: a equals one of the others */
static int f_equal(struct args *a)
{
	int d = 1;

	for (size_t i = 1; i < a->n && d; i++)
		if (compare(a, a->v[0], a->v[i], &d) < 0)
			return a->err->code;
	*a->ret = json_new_bool((d == 0) == streq(a->name, "eq"));
	return 0;
}

static int f_order(struct args *a)
{
	int d;

	if (json_is(a->v[0], JSON_KIND_BOOL) || is_nil(a->v[0]) || is_nil(a->v[1]))
		return args_bad(a, "invalid type for comparison");
	if (compare(a, a->v[0], a->v[1], &d) < 0)
		return a->err->code;
	*a->ret = json_new_bool(streq(a->name, "lt")   ? d < 0
				: streq(a->name, "le") ? d <= 0
				: streq(a->name, "gt") ? d > 0
						       : d >= 0);
	return 0;
}

static int f_and_or(struct args *a)
{
	bool stop_at = streq(a->name, "or");
	size_t i = 0;

	while (i + 1 < a->n && value_is_true(a->v[i]) != stop_at)
		i++;
	*a->ret = a->v[i] ? json_ref(a->v[i]) : NULL;
	return 0;
}

static int f_not(struct args *a)
{
	*a->ret = json_new_bool(!value_is_true(a->v[0]));
	return 0;
}

/* --- parts ----------------------------------------------------------------------------------- */

static int f_len(struct args *a)
{
	AUTO_JSON struct json *keys = json_sorted_keys(a->v[0]);

	if (json_is(a->v[0], JSON_KIND_STRING))
		*a->ret = json_new_int((int64_t)strlen(json_text(a->v[0])));
	else if (json_is(a->v[0], JSON_KIND_ARRAY))
		*a->ret = json_new_int((int64_t)json_size(a->v[0]));
	else if (json_is(a->v[0], JSON_KIND_OBJECT))
		*a->ret = json_new_int((int64_t)json_size(keys));
	else if (json_kind(a->v[0]) == JSON_KIND_NULL)
		*a->ret = json_new_int(0);
	else
		return args_bad(a, "that value has no length");
	return 0;
}

static int f_index(struct args *a)
{
	struct json *v = a->v[0];

	for (size_t i = 1; i < a->n; i++) {
		if (json_is(v, JSON_KIND_OBJECT) && json_is(a->v[i], JSON_KIND_STRING)) {
			v = json_get(v, json_text(a->v[i]));
			/* as a map of strings in Go: a missing one is empty */
			if (!v) {
				*a->ret = json_new_string("");
				return 0;
			}
		} else if (json_is(v, JSON_KIND_ARRAY) && json_is(a->v[i], JSON_KIND_INT)) {
			int64_t at = json_int(a->v[i]);
			if (at < 0 || (uint64_t)at >= json_size(v))
				return args_bad(a, "out of range");
			v = json_at(v, (size_t)at);
		} else if (json_is(v, JSON_KIND_STRING) && json_is(a->v[i], JSON_KIND_INT) &&
			   i + 1 == a->n) {
			int64_t at = json_int(a->v[i]);
			if (at < 0 || (uint64_t)at >= strlen(json_text(v)))
				return args_bad(a, "out of range");
			*a->ret = json_new_int((unsigned char)json_text(v)[at]);
			return 0;
		} else {
			return args_bad(a, "that value cannot be indexed so");
		}
	}
	*a->ret = v ? json_ref(v) : NULL;
	return 0;
}

static int f_slice(struct args *a)
{
	bool text = json_is(a->v[0], JSON_KIND_STRING);
	size_t n = text ? strlen(json_text(a->v[0])) : json_size(a->v[0]);
	size_t bound[3] = {0, n, n}; /* the third is that of a capacity, which nobody sees */

	if (!text && !json_is(a->v[0], JSON_KIND_ARRAY))
		return args_bad(a, "that value cannot be sliced");
	if (text && a->n == 4)
		return args_bad(a, "a string has no capacity");
	for (size_t i = 1; i < a->n; i++) {
		int64_t at = json_int(a->v[i]);
		if (!json_is(a->v[i], JSON_KIND_INT) || at < 0 || (uint64_t)at > n)
			return args_bad(a, "out of range");
		bound[i - 1] = (size_t)at;
	}
	if (bound[0] > bound[1] || bound[1] > bound[2])
		return args_bad(a, "out of range");
	if (text) {
		AUTO_FREE char *s = xstrndup(json_text(a->v[0]) + bound[0], bound[1] - bound[0]);
		*a->ret = json_new_string(s);
		return 0;
	}
	struct json *part = json_new_array();
	for (size_t i = bound[0]; i < bound[1]; i++)
		json_add(part, json_ref(json_at(a->v[0], i)));
	*a->ret = part;
	return 0;
}

/* --- text ------------------------------------------------------------------------------------ */

static int f_json(struct args *a)
{
	AUTO_FREE char *text = format_json(a->v[0]);

	*a->ret = json_new_string(text);
	return 0;
}

static int f_join(struct args *a)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);
	const char *sep = json_text(a->v[1]);

	if (!sep || (json_kind(a->v[0]) != JSON_KIND_ARRAY && json_kind(a->v[0]) != JSON_KIND_NULL))
		return args_bad(a, "a list and a separator are wanted");
	for (size_t i = 0; i < json_size(a->v[0]); i++) {
		if (i)
			buf_addstr(&b, sep);
		format_value(&b, json_at(a->v[0], i));
	}
	*a->ret = json_new_string(buf_str(&b));
	return 0;
}

static int f_split(struct args *a)
{
	const char *s = json_text(a->v[0]), *sep = json_text(a->v[1]);

	if (!s || !sep)
		return args_bad(a, "a string and a separator are wanted");
	struct json *list = json_new_array();
	while (!*sep && *s) { /* each character */
		uint32_t rune;
		size_t width = utf8_decode(s, strlen(s), &rune);
		AUTO_FREE char *part = xstrndup(s, width);
		json_add(list, json_new_string(part));
		s += width;
	}
	for (const char *at = s; *sep;) {
		const char *next = strstr(at, sep);
		AUTO_FREE char *part = next ? xstrndup(at, (size_t)(next - at)) : xstrdup(at);
		json_add(list, json_new_string(part));
		if (!next)
			break;
		at = next + strlen(sep);
	}
	*a->ret = list;
	return 0;
}

/* the first letter of each word */
static void title(char *s)
{
	for (char *c = s; *c; c++)
		if ((c == s || (ispunct((unsigned char)c[-1]) && c[-1] != '_') ||
			    isspace((unsigned char)c[-1])) &&
			*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
}

static int f_case(struct args *a)
{
	AUTO_FREE char *s = args_text(a->v[0]);

	if (streq(a->name, "lower"))
		str_lower(s);
	else if (streq(a->name, "upper"))
		str_upper(s);
	else
		title(s);
	*a->ret = json_new_string(s);
	return 0;
}

/* docker's: blanks before and after, unless there is nothing */
static int f_pad(struct args *a)
{
	AUTO_FREE char *s = args_text(a->v[0]);
	int64_t before = json_int(a->v[1]), after = json_int(a->v[2]);

	if (before < 0 || before > FIELD_MAX || after < 0 || after > FIELD_MAX)
		return args_bad(a, "two small numbers are wanted");
	AUTO_FREE char *padded =
		*s ? xasprintf("%*s%s%*s", (int)before, "", s, (int)after, "") : xstrdup("");
	*a->ret = json_new_string(padded);
	return 0;
}

static int f_truncate(struct args *a)
{
	AUTO_FREE char *s = args_text(a->v[0]);
	int64_t n = json_int(a->v[1]);

	if (!json_is(a->v[1], JSON_KIND_INT) || n < 0)
		return args_bad(a, "a length is wanted");
	if ((uint64_t)n < strlen(s))
		s[n] = '\0';
	*a->ret = json_new_string(s);
	return 0;
}

/* print puts a blank between two values of which none is a string, println between all, as Go's fmt
 * does */
static void add_printed(struct buf *b, const struct args *a)
{
	const bool line = streq(a->name, "println");

	buf_addstr(b, "");
	for (size_t i = 0; i < a->n; i++) {
		if (i && (line || (!json_is(a->v[i], JSON_KIND_STRING) &&
					  !json_is(a->v[i - 1], JSON_KIND_STRING))))
			buf_addch(b, ' ');
		format_value(b, a->v[i]);
	}
	if (line)
		buf_addch(b, '\n');
}

static int f_print(struct args *a)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);

	add_printed(&b, a);
	*a->ret = json_new_string(buf_str(&b));
	return 0;
}

static int f_escape(struct args *a)
{
	AUTO_BUF struct buf all = BUF_INIT(TEXT_MAX);

	add_printed(&all, a);
	AUTO_FREE char *escaped = streq(a->name, "html") ? escape_html(buf_str(&all))
	                          : streq(a->name, "js") ? escape_js(buf_str(&all))
	                                                 : escape_url(buf_str(&all));
	*a->ret = json_new_string(escaped);
	return 0;
}

/* --- the table ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t min, max;
	int (*fn)(struct args *a);
} functions[] = {
	{"and", 1, SIZE_MAX, f_and_or},
	{"eq", 2, SIZE_MAX, f_equal},
	{"ge", 2, 2, f_order},
	{"gt", 2, 2, f_order},
	{"html", 1, SIZE_MAX, f_escape},
	{"index", 1, SIZE_MAX, f_index},
	{"join", 2, 2, f_join},
	{"js", 1, SIZE_MAX, f_escape},
	{"json", 1, 1, f_json},
	{"le", 2, 2, f_order},
	{"len", 1, 1, f_len},
	{"lower", 1, 1, f_case},
	{"lt", 2, 2, f_order},
	{"ne", 2, 2, f_equal},
	{"not", 1, 1, f_not},
	{"or", 1, SIZE_MAX, f_and_or},
	{"pad", 3, 3, f_pad},
	{"print", 0, SIZE_MAX, f_print},
	{"printf", 1, SIZE_MAX, function_printf},
	{"println", 0, SIZE_MAX, f_print},
	{"slice", 1, 4, f_slice},
	{"split", 2, 2, f_split},
	{"title", 1, 1, f_case},
	{"truncate", 2, 2, f_truncate},
	{"upper", 1, 1, f_case},
	{"urlquery", 1, SIZE_MAX, f_escape},
};

bool format_has_function(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (streq(functions[i].name, name))
			return true;
	return false;
}

int function_call(
	const char *name, struct json *const *argv, size_t n, struct json **ret, struct err *err)
{
	struct args a = {name, argv, n, ret, err};

	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		if (!streq(functions[i].name, name))
			continue;
		if (n < functions[i].min || n > functions[i].max)
			return args_bad(&a, "wrong number of arguments");
		return functions[i].fn(&a);
	}
	return err_set(err, ERR_INVALID, "template: unknown function '%s'", name);
}
