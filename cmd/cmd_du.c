/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/format.h"
#include "cmd/table.h"
#include "cmd/text.h"
#include "store/cache_mounts.h"
#include "store/store.h"
#include "store/usage.h"

#define SHORT_ID 12 /* digits, as docker and buildah */
#define LISTING_MAX (256 * MIB) /* of a store with a million things */

struct du_args {
	bool json, verbose;
	const char *format;
};

static const struct opt du_options[] = {
	OPT_STRING(0, "format", struct du_args, format),
	OPT_BOOL(0, "json", struct du_args, json),
	OPT_BOOL('v', "verbose", struct du_args, verbose),
	OPT_END,
};

static const char *const class_names[] = {
	[USAGE_IMAGES] = "Images",
	[USAGE_CONTAINERS] = "Containers",
	[USAGE_CACHE] = "Build Cache",
	[USAGE_MOUNTS] = "Cache Mounts",
	[USAGE_OTHER] = "Other",
};

static const struct {
	const char *title, *key;
	bool shared; /* things that need layers and blobs, which others may need too */
} kinds[] = {
	[USAGE_IMAGE] = {"IMAGE", "images", true},
	[USAGE_CONTAINER] = {"CONTAINER", "containers", true},
	[USAGE_RECORD] = {"CACHE RECORD", "cache", true},
	[USAGE_MOUNT] = {"CACHE MOUNT", "mounts", false},
	[USAGE_LAYER] = {"LAYER", "layers", false},
	[USAGE_BLOB] = {"BLOB", "blobs", false},
};

static const enum usage_kind kind_order[] = {
	USAGE_IMAGE, USAGE_CONTAINER, USAGE_RECORD, USAGE_MOUNT, USAGE_LAYER, USAGE_BLOB};

/* --- one line for each class ----------------------------------------------------------------- */

static struct json *class_row(
	const char *name, uint64_t count, uint64_t active, uint64_t bytes, uint64_t reclaim)
{
	struct json *o = json_new_object();
	char size[TEXT_NUM_MAX], back[TEXT_NUM_MAX];
	AUTO_FREE char *text = xasprintf("%s (%d%%)", text_size(reclaim, back),
		bytes ? (int)(100.0 * (double)reclaim / (double)bytes) : 0);

	json_set_string(o, "Type", name);
	json_set_int(o, "TotalCount", (int64_t)count);
	json_set_int(o, "Total", (int64_t)count); /* podman's */
	json_set_int(o, "Active", (int64_t)active);
	json_set_string(o, "Size", text_size(bytes, size));
	json_set_string(o, "Reclaimable", text);
	json_set_int(o, "SizeBytes", (int64_t)bytes);
	json_set_int(o, "ReclaimableBytes", (int64_t)reclaim);
	return o;
}

/* Images that working containers were made from. No container is at work for longer than a command,
 * and no record or mount for longer than a build. */
static uint64_t active_images(const struct disk_costs *c)
{
	uint64_t count = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct usage_item *image = &c->item[i];
		bool active = false;
		for (size_t k = 0; k < image->n_needs && image->kind == USAGE_IMAGE; k++) {
			const struct usage_item *blob = &c->item[image->needs[k]];
			active |= blob->kind == USAGE_BLOB &&
			          digest_equal(&blob->digest, &image->digest) &&
			          (blob->classes & 1U << USAGE_CONTAINERS);
		}
		count += active;
	}
	return count;
}

static struct json *class_rows(const struct disk_costs *c, bool total)
{
	struct json *rows = json_new_array();
	uint64_t count = 0, bytes = 0, reclaim = 0, images = active_images(c);

	for (size_t i = 0; i < USAGE_CLASSES; i++) {
		json_add(
			rows, class_row(class_names[i], c->count[i], i == USAGE_IMAGES ? images : 0,
				      c->bytes[i], c->reclaimable[i]));
		count += c->count[i];
		bytes += c->bytes[i];
		reclaim += c->reclaimable[i];
	}
	if (total)
		json_add(rows, class_row("Total", count, images, bytes, reclaim));
	return rows;
}

static int print_classes(
	struct app *app, const struct du_args *a, const struct disk_costs *c, struct err *err)
{
	static const char *const headings[][2] = {
		{"Type", "TYPE"},
		{"TotalCount", "TOTAL"},
		{"Total", "TOTAL"},
		{"Active", "ACTIVE"},
		{"Size", "SIZE"},
		{"Reclaimable", "RECLAIMABLE"},
		{"SizeBytes", "BYTES"},
		{"ReclaimableBytes", "RECLAIMABLE BYTES"},
	};
	const char *format = table_template(a->format);
	AUTO_JSON struct json *rows = class_rows(c, !format);
	AUTO_JSON struct json *heading = json_new_object();

	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		json_set_string(heading, headings[i][0], headings[i][1]);
	for (size_t i = 0; i < json_size(rows); i++) {
		format_as_number(json_at(rows, i), "TotalCount"); /* docker's texts */
		format_as_number(json_at(rows, i), "Active");
	}
	return table_print(&app->out,
		format ? format
		       : "table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
		heading, rows, 0, err);
}

/* --- each thing ------------------------------------------------------------------------------ */

/* What people call it. New string. */
static char *item_name(struct store *s, const struct usage_item *i)
{
	char hex[DIGEST_STR_MAX];

	if (i->kind == USAGE_MOUNT)
		return cache_mount_id(s, i->name);
	if (i->name)
		return xstrdup(i->name);
	digest_hex(&i->digest, hex)[SHORT_ID] = '\0';
	return xasprintf("%s%s", i->kind == USAGE_IMAGE ? "<none>@" : "", hex);
}

static void add_line(struct buf *b, struct store *s, const struct usage_item *i)
{
	char size[TEXT_NUM_MAX], shared[TEXT_NUM_MAX], unique[TEXT_NUM_MAX], age[TEXT_NUM_MAX];
	AUTO_FREE char *name = item_name(s, i), *clean = text_clean(name, strlen(name), 0);

	buf_addf(b, "%s\t%s", clean, text_size(i->size, size));
	if (kinds[i->kind].shared)
		buf_addf(b, "\t%s\t%s", text_size(i->size - i->unique, shared),
			text_size(i->unique, unique));
	if (i->kind == USAGE_LAYER || i->kind == USAGE_BLOB)
		buf_addf(b, "\t%u\n", i->users);
	else
		buf_addf(b, "\t%s ago\n", text_age(clock_now().tv_sec - i->used_s, age));
}

static int print_kind(struct app *app, struct store *s, const struct disk_costs *c,
	enum usage_kind kind, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(LISTING_MAX);
	size_t n = 0;

	buf_addf(&b, "%s\tSIZE%s\t%s\n", kinds[kind].title,
		kinds[kind].shared ? "\tSHARED\tUNIQUE" : "",
		kind == USAGE_LAYER || kind == USAGE_BLOB ? "USERS" : "LAST USED");
	for (size_t i = 0; i < c->n; i++)
		if (c->item[i].kind == kind) {
			add_line(&b, s, &c->item[i]);
			n++;
		}
	if (b.toobig)
		return err_set(err, ERR_LIMIT, "the list is too long");
	AUTO_FREE char *text = n ? table_align(buf_str(&b)) : NULL;
	if (text)
		out_printf(&app->out, "%s\n", text);
	return 0;
}

static struct json *item_json(struct store *s, const struct usage_item *i)
{
	struct json *o = json_new_object();
	char digest[DIGEST_STR_MAX], used[CLOCK_STR_MAX];

	if (i->kind == USAGE_MOUNT) {
		AUTO_FREE char *id = cache_mount_id(s, i->name);
		json_set_string(o, "id", id);
	}
	json_set_string(o, "name", i->name);
	if (!digest_is_zero(&i->digest))
		json_set_string(o, "digest", digest_str(&i->digest, digest));
	json_set_int(o, "size", (int64_t)i->size);
	if (i->kind == USAGE_LAYER || i->kind == USAGE_BLOB) {
		json_set_int(o, "users", i->users);
		return o;
	}
	json_set_int(o, "shared", (int64_t)(i->size - i->unique));
	json_set_int(o, "unique", (int64_t)i->unique);
	json_set_string(
		o, "lastUsed", clock_format((struct timespec){.tv_sec = (time_t)i->used_s}, used));
	return o;
}

static void print_json(struct app *app, struct store *s, const struct disk_costs *c)
{
	AUTO_JSON struct json *o = json_new_object();

	json_set(o, "summary", class_rows(c, true));
	for (size_t k = 0; k < ARRAY_LEN(kind_order); k++) {
		struct json *list = json_new_array();
		for (size_t i = 0; i < c->n; i++)
			if (c->item[i].kind == kind_order[k])
				json_add(list, item_json(s, &c->item[i]));
		json_set(o, kinds[kind_order[k]].key, list);
	}
	out_json(&app->out, o);
}

static int du_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct du_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_DISK_COSTS struct disk_costs c = {0};

	(void)rest;
	if (a->json && (a->format || a->verbose))
		return err_set(err, ERR_INVALID, "'--json' cannot be combined with '--%s'",
			a->format ? "format" : "verbose");
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = store_costs(s, &c, err);
	if (r < 0)
		return r;
	if (a->json) {
		print_json(app, s, &c);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(kind_order) && r == 0 && a->verbose; i++)
		r = print_kind(app, s, &c, kind_order[i], err);
	return r < 0 ? r : print_classes(app, a, &c, err);
}

const struct cmd cmd_du = {
	.name = "du",
	.options = du_options,
	.args_size = sizeof(struct du_args),
	.flags = CMD_USERNS,
	.run = du_run,
};
