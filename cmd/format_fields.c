/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_fields.h"

#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strv.h"
#include "cmd/format.h"
#include "cmd/format_internal.h"
#include "cmd/format_time.h"

/* "CreatedBy", "created_by" and "createdby" are the same field: Go's names, and those of its JSON;
 * "OSVersion" and "os.version" too */
static bool same_field(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (*a == '_' || *a == '.')
			a++;
		while (*b == '_' || *b == '.')
			b++;
		if (strncasecmp(a, b, 1) != 0)
			return false;
		if (!*a)
			return true;
	}
}

/* Members whose own members are named by users: a missing one is no mistake. */
static bool is_map_name(const char *name)
{
	static const char *const maps[] = {"Labels", "Annotations", "ImageAnnotations",
		"ExposedPorts", "Volumes", "GraphStatus"};

	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		if (same_field(maps[i], name))
			return true;
	return false;
}

static int unknown_field(const struct json *o, const char *name, struct err *err)
{
	AUTO_BUF struct buf known = BUF_INIT(1000);

	for (void *it = json_iter(o); it; it = json_next(o, it))
		if (format_is_member(json_iter_key(it)))
			buf_addf(&known, "%s%s", known.len ? ", " : "", json_iter_key(it));
	return err_set(err, ERR_INVALID, "template: there is no field '%s' here, known are: %s",
		name, known.len ? buf_str(&known) : "none");
}

/* A number that prints as what it means. */
static struct json *duration(int64_t ns)
{
	AUTO_FREE char *text = num_duration_str(ns);
	struct json *d = json_new_object();

	format_as_text(d, text);
	json_set_int(d, FORMAT_PLAIN, ns);
	return d;
}

static struct json *member(const struct json *o, const char *name)
{
	struct json *found = json_get(o, name);

	for (void *it = json_iter(o); it && !found; it = json_next(o, it))
		if (same_field(json_iter_key(it), name))
			found = json_iter_value(it);
	return found;
}

/* *value is replaced by its member. container: the name under which it was reached */
static int step(struct json **value, const char *container, const char *name, struct err *err)
{
	struct json *o = *value, *found = NULL;

	if (format_is_time(o) && (found = format_time_part(o, name))) {
		*value = found;
		json_free(o);
		return 0;
	}
	if (o && ((!json_is(o, JSON_KIND_OBJECT) && !json_is(o, JSON_KIND_NULL)) ||
			 json_get(o, FORMAT_PLAIN)))
		return err_set(err, ERR_INVALID,
			"template: cannot look for field '%s' in a value that has none", name);
	if (json_is(o, JSON_KIND_OBJECT)) {
		struct json *omitted = json_get(o, FORMAT_OMITTED);
		omitted = omitted ? member(omitted, name) : NULL;
		found = omitted ? omitted : member(o, name);
		if (!found && !(container && is_map_name(container)))
			return unknown_field(o, name, err);
	}
	if (json_is(found, JSON_KIND_INT) && container && same_field(container, "Healthcheck") &&
		!same_field(name, "Retries"))
		*value = duration(json_int(found));
	else
		*value = found ? json_ref(found) : NULL;
	json_free(o);
	return 0;
}

int format_walk(struct json **value, const struct strv *fields, struct err *err)
{
	const char *container = NULL;

	STRV_FOREACH (f, fields) {
		int r = step(value, container, *f, err);
		if (r < 0)
			return r;
		container = *f;
	}
	return 0;
}
