/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_value.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/format.h"
#include "cmd/format_args.h"
#include "cmd/format_internal.h"
#include "cmd/format_number.h"

bool value_is_true(const struct json *j)
{
	switch (json_kind(j)) {
	case JSON_KIND_NULL:
		return false;
	case JSON_KIND_BOOL:
		return json_bool(j);
	case JSON_KIND_INT:
		return json_int(j) != 0;
	case JSON_KIND_REAL:
		return json_double(j) != 0;
	case JSON_KIND_STRING:
		return *json_text(j) != '\0';
	case JSON_KIND_OBJECT:
		if (json_get(j, FORMAT_PLAIN))
			return value_is_true(json_get(j, FORMAT_PLAIN));
		return json_size(j) > 0;
	case JSON_KIND_ARRAY:
		return json_size(j) > 0;
	}
	return false;
}

struct json *json_sorted_keys(const struct json *o)
{
	AUTO_STRV struct strv keys = STRV_INIT;

	for (void *it = json_iter(o); it; it = json_next(o, it))
		if (format_is_member(json_iter_key(it)))
			strv_add(&keys, json_iter_key(it));
	strv_sort(&keys);
	return json_new_strv(&keys);
}

void format_as_text(struct json *o, const char *text)
{
	json_set_string(o, "", text);
}

void format_as_struct(struct json *o, const char *const *names)
{
	struct json *members = json_new_array();

	for (void *it = names ? NULL : json_iter(o); it; it = json_next(o, it))
		if (format_is_member(json_iter_key(it)))
			json_add(members, json_new_string(json_iter_key(it)));
	for (; names && *names; names++)
		json_add(members, json_new_string(*names));
	json_set(o, FORMAT_STRUCT, members);
}

void format_omit(struct json *o, const char *name, struct json *empty)
{
	AUTO_JSON struct json *value = empty;
	struct json *omitted = json_get(o, FORMAT_OMITTED);

	if (!json_is(o, JSON_KIND_OBJECT) || json_kind(json_get(o, name)) != JSON_KIND_NULL)
		return;
	if (!omitted) {
		omitted = json_new_object();
		json_set(o, FORMAT_OMITTED, omitted);
	}
	json_set(omitted, name, json_ref(value));
}

const struct json *format_get(const struct json *o, const char *name)
{
	const struct json *found = json_get(o, name);
	const struct json *omitted = json_get(json_get(o, FORMAT_OMITTED), name);

	return omitted ? omitted : found;
}

void format_as_time(struct json *o, const char *name)
{
	const char *text = json_text(json_get(o, name));
	size_t n = text ? strlen(text) : 0;

	if (n < strlen("2024-05-01T12:00:00Z") || text[n - 1] != 'Z')
		return;
	struct json *time = json_new_object();
	AUTO_FREE char *printed = xasprintf("%.10s %.*s +0000 UTC", text, (int)(n - 12), text + 11);
	format_as_text(time, printed);
	json_set_string(time, FORMAT_PLAIN, text);
	json_set(o, name, time);
}

void format_as_number(struct json *o, const char *name)
{
	int64_t value = json_int(json_get(o, name));
	struct json *number = json_new_object();
	AUTO_FREE char *text = xasprintf("%lld", (long long)value);

	format_as_text(number, text);
	json_set_int(number, FORMAT_PLAIN, value);
	json_set(o, name, number);
}

/* Without what only printing looks at. */
static struct json *plain(const struct json *j)
{
	struct json *typed = json_is(j, JSON_KIND_OBJECT) ? json_get(j, FORMAT_PLAIN) : NULL;

	if (typed)
		return json_ref(typed);
	if (json_is(j, JSON_KIND_OBJECT)) {
		struct json *o = json_new_object();
		for (void *it = json_iter(j); it; it = json_next(j, it))
			if (format_is_member(json_iter_key(it)))
				json_set(o, json_iter_key(it), plain(json_iter_value(it)));
		return o;
	}
	if (json_is(j, JSON_KIND_ARRAY)) {
		struct json *a = json_new_array();
		for (size_t i = 0; i < json_size(j); i++)
			json_add(a, plain(json_at(j, i)));
		return a;
	}
	return j ? json_clone(j) : json_new_null();
}

char *format_json(const struct json *j)
{
	AUTO_JSON struct json *document = plain(j);

	return json_dump(document, 0);
}

/* What a set has is a struct without members. */
static void add_map(struct buf *out, const struct json *j)
{
	AUTO_JSON struct json *keys = json_sorted_keys(j);

	buf_addstr(out, "map[");
	for (size_t i = 0; i < json_size(keys); i++) {
		const char *key = json_text(json_at(keys, i));
		const struct json *value = json_get(j, key);
		buf_addf(out, "%s%s:", i ? " " : "", key);
		if (json_is(value, JSON_KIND_OBJECT) && !json_size(value))
			buf_addstr(out, "{}");
		else
			format_value(out, value);
	}
	buf_addch(out, ']');
}

static void add_struct(struct buf *out, const struct json *j, const struct json *names)
{
	buf_addch(out, '{');
	for (size_t i = 0; i < json_size(names); i++) {
		if (i)
			buf_addch(out, ' ');
		format_value(out, format_get(j, json_text(json_at(names, i))));
	}
	buf_addch(out, '}');
}

void format_value(struct buf *out, const struct json *j)
{
	if (!j) {
		buf_addstr(out, "<no value>");
		return;
	}
	switch (json_kind(j)) {
	case JSON_KIND_NULL:
		buf_addstr(out, "<nil>");
		break;
	case JSON_KIND_STRING:
		buf_addstr(out, json_text(j));
		break;
	case JSON_KIND_ARRAY:
		buf_addch(out, '[');
		for (size_t i = 0; i < json_size(j); i++) {
			if (i)
				buf_addch(out, ' ');
			format_value(out, json_at(j, i));
		}
		buf_addch(out, ']');
		break;
	case JSON_KIND_OBJECT:
		if (json_get(j, ""))
			buf_addstr(out, json_text(json_get(j, "")));
		else if (json_get(j, FORMAT_STRUCT))
			add_struct(out, j, json_get(j, FORMAT_STRUCT));
		else
			add_map(out, j);
		break;
	case JSON_KIND_REAL: {
		AUTO_FREE char *text = number_real(json_double(j));
		buf_addstr(out, text);
		break;
	}
	case JSON_KIND_BOOL:
	case JSON_KIND_INT: {
		AUTO_FREE char *text = json_dump(j, 0);
		buf_addstr(out, text);
		break;
	}
	}
}
