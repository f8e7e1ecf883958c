/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_verb.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/format.h"
#include "cmd/format_args.h"
#include "cmd/format_internal.h"
#include "cmd/format_scalar.h"
#include "cmd/format_value.h"

/* --- types --- */

static bool is_nothing(const struct json *j)
{
	return json_is(j, JSON_KIND_OBJECT) && !json_size(j);
}

static bool all_are_strings(const struct json *j)
{
	if (json_is(j, JSON_KIND_ARRAY)) {
		for (size_t i = 0; i < json_size(j); i++)
			if (!json_is(json_at(j, i), JSON_KIND_STRING))
				return false;
		return true;
	}
	for (void *it = json_iter(j); it; it = json_next(j, it))
		if (!json_is(json_iter_value(it), JSON_KIND_STRING))
			return false;
	return true;
}

static bool is_set(const struct json *j)
{
	for (void *it = json_iter(j); it; it = json_next(j, it))
		if (!is_nothing(json_iter_value(it)))
			return false;
	return true;
}

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
		return all_are_strings(j) ? "[]string" : "[]interface {}";
	case JSON_KIND_OBJECT:
		return all_are_strings(j) ? "map[string]string"
		       : is_set(j)        ? "map[string]struct {}"
		                          : "map[string]interface {}";
	}
	return "";
}

/* --- values --- */

static void add_value(struct buf *b, const struct verb *v, const struct json *j);

void verb_mistake(struct buf *b, uint32_t letter)
{
	char bytes[4];

	buf_addf(b, "%%!%.*s(", (int)utf8_encode(letter, bytes), bytes);
}

/* With what there is instead, as wide as was asked for. */
static void add_bad(struct buf *b, const struct verb *v, const struct json *j)
{
	struct verb plain = *v;

	plain.letter = 'v';
	verb_mistake(b, v->letter);
	buf_addf(b, "%s=", verb_type(j));
	add_value(b, &plain, j);
	buf_addch(b, ')');
}

/* What prints as a text, and may be a number besides. */
static bool add_named(struct buf *b, const struct verb *v, const struct json *j)
{
	const struct json *number = args_number(j);
	AUTO_FREE char *text = NULL;

	if (number != j && !strchr("vsxXq", (int)v->letter))
		return scalar_integer(b, v, json_int(number));
	text = args_text(j);
	if (!v->go)
		return scalar_text(b, v, text);
	buf_addstr(b, text);
	return true;
}

static bool add_scalar(struct buf *b, const struct verb *v, const struct json *j)
{
	switch (json_kind(j)) {
	case JSON_KIND_INT:
		return scalar_integer(b, v, json_int(j));
	case JSON_KIND_REAL:
		return scalar_real(b, v, json_double(j));
	case JSON_KIND_STRING:
		return scalar_text(b, v, json_text(j));
	case JSON_KIND_BOOL:
		return scalar_bool(b, v, json_bool(j));
	case JSON_KIND_NULL:
		buf_addstr(b, v->go ? "interface {}(nil)" : "<nil>");
		return true;
	case JSON_KIND_ARRAY:
		break;
	case JSON_KIND_OBJECT:
		return add_named(b, v, j);
	}
	return false;
}

static void add_list(struct buf *b, const struct verb *v, const struct json *j)
{
	buf_addf(b, "%s%s", v->go ? verb_type(j) : "", v->go ? "{" : "[");
	for (size_t i = 0; i < json_size(j); i++) {
		buf_addstr(b, !i ? "" : v->go ? ", " : " ");
		add_value(b, v, json_at(j, i));
	}
	buf_addch(b, v->go ? '}' : ']');
}

static void add_map(struct buf *b, const struct verb *v, const struct json *j)
{
	AUTO_JSON struct json *keys = json_sorted_keys(j);

	buf_addf(b, "%s", v->go ? verb_type(j) : "map");
	buf_addch(b, v->go ? '{' : '[');
	for (size_t i = 0; i < json_size(keys); i++) {
		const struct json *value = json_get(j, json_text(json_at(keys, i)));
		buf_addstr(b, !i ? "" : v->go ? ", " : " ");
		add_value(b, v, json_at(keys, i));
		buf_addch(b, ':');
		if (is_nothing(value))
			buf_addstr(b, v->go ? "struct {}{}" : "{}");
		else
			add_value(b, v, value);
	}
	buf_addch(b, v->go ? '}' : ']');
}

/* Of the member whose name in JSON this is. */
static void add_go_name(struct buf *b, const char *name)
{
	static const char *const others[][2] = {{"diff_ids", "DiffIDs"}, {"id", "ID"}, {"os", "OS"},
		{"os.features", "OSFeatures"}, {"os.version", "OSVersion"}, {"rootfs", "RootFS"}};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (streq(name, others[i][0])) {
			buf_addstr(b, others[i][1]);
			return;
		}
	for (bool begins = true; *name; name++) {
		if (begins && *name >= 'a' && *name <= 'z')
			buf_addch(b, (char)(*name - 'a' + 'A'));
		else if (*name != '_')
			buf_addch(b, *name);
		begins = *name == '_';
	}
}

static void add_struct(struct buf *b, const struct verb *v, const struct json *j)
{
	const struct json *names = json_get(j, FORMAT_STRUCT);

	buf_addch(b, '{');
	for (size_t i = 0; i < json_size(names); i++) {
		const char *name = json_text(json_at(names, i));
		buf_addstr(b, !i ? "" : v->go ? ", " : " ");
		if (v->go || v->fields) {
			add_go_name(b, name);
			buf_addch(b, ':');
		}
		add_value(b, v, format_get(j, name));
	}
	buf_addch(b, '}');
}

/* The verb is for what a list or a map holds, not for the whole. */
static void add_value(struct buf *b, const struct verb *v, const struct json *j)
{
	if (json_is(j, JSON_KIND_ARRAY))
		add_list(b, v, j);
	else if (json_is(j, JSON_KIND_OBJECT) && json_get(j, FORMAT_STRUCT) && !json_get(j, ""))
		add_struct(b, v, j);
	else if (json_is(j, JSON_KIND_OBJECT) && !json_get(j, ""))
		add_map(b, v, j);
	else if (!add_scalar(b, v, j))
		add_bad(b, v, j);
}

void verb_add(struct buf *b, const struct verb *v, const struct json *j)
{
	struct verb text = *v;

	text.letter = 's';
	if (v->letter == 'T') {
		(void)scalar_text(b, &text, verb_type(j));
	} else if (j && json_kind(j) != JSON_KIND_NULL) {
		add_value(b, v, j);
	} else if (v->letter == 'v') {
		scalar_padded(b, v, "<nil>");
	} else {
		verb_mistake(b, v->letter);
		buf_addstr(b, "<nil>)");
	}
}
