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
#include "image/platform.h"
#include "store/blobs.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store.h"

struct inspect_args {
	const char *format, *type;
	bool array;
};

static const struct opt inspect_options[] = {
	OPT_BOOL(0, "array", struct inspect_args, array),
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

struct showing {
	struct app *app;
	struct store *s;
	const char *format; /* or NULL */
	struct json *array; /* what is shown goes here; NULL: it is printed */
};

/* shown: taken over */
static int print(const struct showing *w, struct json *shown, struct json *fields, struct err *err)
{
	AUTO_JSON struct json *j = shown;

	if (w->format)
		return table_print_one(&w->app->out, w->format, fields, err);
	if (w->array)
		json_add(w->array, take(j));
	else
		out_json(&w->app->out, j);
	return 0;
}

/* Of a list the image for this machine: that of another, which other commands are content with
 * where it is all there is, would be taken for it. */
static int load(
	struct store *s, const char *text, struct image *ret, char **ret_ref, struct err *err)
{
	struct descriptor top = {0};
	struct platform host;
	char name[128];

	platform_host(&host);
	int r = image_find(s, text, &top, ret_ref, err);
	if (r == 0)
		r = image_load(s, &top, &host, ret, err);
	if ((r == ERR_UNSUPPORTED || r == ERR_NOT_FOUND) && top.media_type &&
		media_kind(top.media_type) == MEDIA_INDEX)
		r = err_set(err, ERR_UNSUPPORTED,
			"%s: no image found in manifest list: it does not exist for platform %s",
			text, platform_str(&host, name));
	descriptor_done(&top);
	return r;
}

static int show(const struct showing *w, const char *text, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	AUTO_FREE char *ref = NULL;
	AUTO_STRV struct strv refs = STRV_INIT;
	AUTO_JSON struct json *shown = NULL, *fields = NULL;

	int r = load(w->s, text, &image, &ref, err);
	if (r == 0)
		r = names_of(w->s, &image.top.digest, &refs, err);
	if (r == 0)
		r = image_json(w->s, &image, &refs, ref, &shown, &fields, err);
	return r < 0 ? r : print(w, take(shown), fields, err);
}

static int show_container(const struct showing *w, const struct container *c, struct err *err)
{
	AUTO_JSON struct json *shown = NULL, *fields = NULL;
	AUTO_FREE char *path = container_mounted(w->s, c) == CONTAINER_MOUNTED
	                               ? container_mount_path(w->s, c)
	                               : xstrdup("");

	int r = container_json(w->s, c, path, &shown, &fields, err);
	return r < 0 ? r : print(w, take(shown), fields, err);
}

/* The index itself. */
static int show_list(const struct showing *w, const char *text, struct err *err)
{
	AUTO_FREE char *ref = NULL, *bytes = NULL;
	struct json *j = NULL;
	struct descriptor d = {0};
	size_t n;

	int r = image_find(w->s, text, &d, &ref, err);
	if (r == 0 && media_kind(d.media_type) != MEDIA_INDEX)
		r = err_set(err, ERR_INVALID, "'%s' is an image, not a list of images", text);
	if (r == 0)
		r = blob_read(w->s, &d, MANIFEST_MAX, &bytes, &n, err);
	descriptor_done(&d);
	if (r == 0)
		r = json_parse(bytes, n, "index", &j, err);
	return r < 0 ? r : print(w, j, j, err);
}

/* A working container is looked for first, then an image; a list is shown when it has none for
 * this machine, as buildah does. */
static int show_any(const struct showing *w, const char *text, const char *type, struct err *err)
{
	int r = ERR_NOT_FOUND;

	if (!type || streq(type, "container")) {
		AUTO_CONTAINER struct container c;
		container_init(&c);
		r = container_find(w->s, text, &c, err);
		if (r == 0)
			return show_container(w, &c, err);
	}
	if (r == ERR_NOT_FOUND && (!type || streq(type, "image"))) {
		err_clear(err);
		r = show(w, text, err);
	}
	if ((!type && r == ERR_UNSUPPORTED) || (type && streq(type, "manifest"))) {
		err_clear(err);
		r = show_list(w, text, err);
	}
	return r;
}

static int inspect_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct inspect_args *a = args;
	AUTO_STORE struct store *s = NULL;

	if (a->type && !streq(a->type, "image") && !streq(a->type, "container") &&
		!streq(a->type, "manifest"))
		return err_set(err, ERR_INVALID,
			"option '--type': '%s' is not one of 'container', 'image', 'manifest'",
			a->type);
	AUTO_JSON struct json *array = a->array ? json_new_array() : NULL;
	int r = app_store(app, 0, &s, err);
	const struct showing w = {
		.app = app, .s = s, .format = table_template(a->format), .array = array};
	for (size_t i = 0; i < rest->n && r == 0; i++)
		r = show_any(&w, rest->v[i], a->type, err);
	if (r == 0 && array && !w.format)
		out_json(&app->out, array);
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
