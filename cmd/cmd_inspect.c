/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "build/container_tree.h"
#include "cmd/cmd.h"
#include "cmd/image_json.h"
#include "cmd/table.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store.h"

struct inspect_args {
	const char *format, *type;
};

static const struct opt inspect_options[] = {
	OPT_STRING('f', "format", struct inspect_args, format),
	OPT_IGNORED_BOOL('s', "size"),
	OPT_STRING('t', "type", struct inspect_args, type),
	OPT_END,
};

static int names_of(struct store *s, const struct digest *d, struct strv *ret, struct err *err)
{
	struct names names;

	int r = names_list_all(s, &names, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names.count; i++)
		if (names.n[i].ref && digest_equal(&names.n[i].manifest.digest, d))
			strv_add(ret, names.n[i].ref);
	names_done(&names);
	return 0;
}

static int show(
	struct app *app, struct store *s, const char *text, const char *format, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	AUTO_FREE char *ref = NULL;
	AUTO_STRV struct strv refs = STRV_INIT;
	AUTO_JSON struct json *shown = NULL, *fields = NULL;

	int r = image_find_loaded(s, text, &image, &ref, err);
	if (r == 0)
		r = names_of(s, &image.top.digest, &refs, err);
	if (r == 0)
		r = image_json(s, &image, &refs, ref, &shown, &fields, err);
	if (r < 0)
		return r;
	if (format)
		return table_print_one(&app->out, format, fields, err);
	out_json(&app->out, shown);
	return 0;
}

static int show_container(struct app *app, struct store *s, const struct container *c,
	const char *format, struct err *err)
{
	AUTO_JSON struct json *shown = NULL, *fields = NULL;
	AUTO_FREE char *path = container_mounted(s, c) == CONTAINER_MOUNTED
	                               ? container_mount_path(s, c)
	                               : xstrdup("");

	int r = container_json(s, c, path, &shown, &fields, err);
	if (r == 0 && format)
		return table_print_one(&app->out, format, fields, err);
	if (r == 0)
		out_json(&app->out, shown);
	return r;
}

/* The index itself. */
static int show_list(
	struct app *app, struct store *s, const char *text, const char *format, struct err *err)
{
	AUTO_FREE char *ref = NULL, *bytes = NULL;
	AUTO_JSON struct json *j = NULL;
	struct descriptor d = {0};
	size_t n;

	int r = image_find(s, text, &d, &ref, err);
	if (r == 0 && media_kind(d.media_type) != MEDIA_INDEX)
		r = err_set(err, ERR_INVALID, "'%s' is an image, not a list of images", text);
	if (r == 0)
		r = blob_read(s, &d, MANIFEST_MAX, &bytes, &n, err);
	descriptor_done(&d);
	if (r == 0)
		r = json_parse(bytes, n, "index", &j, err);
	if (r == 0 && format)
		return table_print_one(&app->out, format, j, err);
	if (r == 0)
		out_json(&app->out, j);
	return r;
}

/* A working container is looked for first, then an image; a list is shown when it has none for
 * this machine, as buildah does. */
static int show_any(struct app *app, struct store *s, const char *text,
	const struct inspect_args *a, struct err *err)
{
	const bool any = !a->type;
	int r = ERR_NOT_FOUND;

	if (any || streq(a->type, "container")) {
		AUTO_CONTAINER struct container c;
		container_init(&c);
		r = container_find(s, text, &c, err);
		if (r == 0)
			return show_container(app, s, &c, a->format, err);
	}
	if (r == ERR_NOT_FOUND && (any || streq(a->type, "image"))) {
		err_clear(err);
		r = show(app, s, text, a->format, err);
	}
	if ((any && r == ERR_UNSUPPORTED) || (a->type && streq(a->type, "manifest"))) {
		err_clear(err);
		r = show_list(app, s, text, a->format, err);
	}
	return r;
}

static int inspect_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct inspect_args *a = args;
	AUTO_STORE struct store *s = NULL;

	if (a->type && !streq(a->type, "image") && !streq(a->type, "container") &&
		!streq(a->type, "manifest"))
		return err_set(err, ERR_INVALID,
			"option '--type': '%s' is not one of 'container', 'image', 'manifest'",
			a->type);
	a->format = table_template(a->format);
	int r = app_store(app, 0, &s, err);
	for (size_t i = 0; i < rest->n && r == 0; i++)
		r = show_any(app, s, rest->v[i], a, err);
	return r;
}

const struct cmd cmd_inspect = {
	.name = "inspect",
	.options = inspect_options,
	.args_size = sizeof(struct inspect_args),
	.min_args = 1,
	.max_args = CMD_ANY,
	.flags = CMD_BUILDAH_WORDS,
	.run = inspect_run,
};
