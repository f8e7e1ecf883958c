/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/container_tree.h"
#include "cmd/cmd.h"
#include "cmd/each.h"
#include "cmd/image_list.h"
#include "image/descriptor.h"
#include "store/containers.h"
#include "store/gc.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store.h"

struct rmi_args {
	bool all, force, ignore, prune;
};

static const struct opt rmi_options[] = {
	OPT_BOOL('a', "all", struct rmi_args, all),
	OPT_BOOL('f', "force", struct rmi_args, force),
	OPT_BOOL('i', "ignore", struct rmi_args, ignore),
	OPT_IGNORED_BOOL(0, "no-prune"),
	OPT_BOOL('p', "prune", struct rmi_args, prune),
	OPT_END,
};

/* By what the name points to; else by image ID, as an ID may have found one image of an index. */
static const struct listed *listed_of(
	struct store *s, const struct image_list *list, const struct descriptor *top)
{
	struct err ignored = ERR_INIT;
	struct image image;

	for (size_t i = 0; i < list->n; i++)
		if (digest_equal(&list->i[i].top, &top->digest))
			return &list->i[i];
	if (image_load(s, top, NULL, &image, &ignored) < 0)
		return NULL;
	struct digest id = image.id;
	image_done(&image);
	for (size_t i = 0; i < list->n; i++)
		if (list->i[i].loaded && digest_equal(&list->i[i].id, &id))
			return &list->i[i];
	return NULL;
}

/* The base of a working container stays, unless one insists: then the container goes as well. */
static int release(struct store *s, const struct listed *l, bool force, struct err *err)
{
	AUTO_CONTAINERS struct containers all = {0};

	int r = containers_list(s, &all, err);
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		AUTO_CONTAINER struct container c;
		container_init(&c);
		if (all.c[i].scratch || !l->loaded || !digest_equal(&all.c[i].image_id, &l->id))
			continue;
		if (!force)
			return err_set(err, ERR_BUSY,
				"image is in use by a container: '%s' (%s); remove it, or use "
				"'--force'",
				all.c[i].name, all.c[i].id);
		r = container_open(s, all.c[i].id, CONTAINER_ALONE, false, &c, err);
		if (r == 0 && container_mounted(s, &c) != CONTAINER_NOT_MOUNTED)
			r = container_umount(s, NULL, &c, err);
		if (r == 0)
			r = container_remove(s, &c, err);
	}
	return r;
}

/* Forgets the image under all its names and says so as buildah does. */
static int remove_image(
	struct app *app, struct store *s, const struct listed *l, bool force, struct err *err)
{
	AUTO_STRV struct strv removed = STRV_INIT;
	char hex[DIGEST_STR_MAX];

	int r = l->additional ? 0 : release(s, l, force, err);
	if (r < 0)
		return r;
	r = names_remove_manifest(s, &l->top, &removed, err);
	if (r < 0)
		return r;
	STRV_FOREACH (ref, &removed)
		out_printf(&app->out, "untagged: %s\n", *ref);
	out_printf(&app->out, "%s\n", digest_hex(&l->shown, hex));
	return 0;
}

/* A name of several only loses that name; the last one, or an ID, takes the image with it. */
static int remove_one(struct app *app, struct store *s, const struct image_list *list,
	const char *text, bool force, struct err *err)
{
	AUTO_FREE char *ref = NULL;
	struct descriptor top = {0};

	int r = image_find(s, text, &top, &ref, err);
	if (r < 0)
		return r;
	const struct listed *l = listed_of(s, list, &top);
	descriptor_done(&top);
	if (!l)
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", text);
	if (ref && (l->refs.n > 1 || l->additional)) {
		r = name_remove(s, ref, true, err);
		if (r == 0)
			out_printf(&app->out, "untagged: %s\n", ref);
		return r;
	}
	if (!ref && l->refs.n > 1 && !force) {
		AUTO_FREE char *names = strv_join(&l->refs, " ");
		return err_set(err, ERR_BUSY,
			"unable to delete image '%s' by ID with more than one tag ([%s]): please "
			"force removal",
			text, names);
	}
	return remove_image(app, s, l, force, err);
}

/* Many images by one change of the store's index. */
static int remove_many(struct app *app, struct store *s, const struct listed *const *going,
	size_t n, struct err *err)
{
	struct name *names = NULL;
	size_t n_names = 0;
	char hex[DIGEST_STR_MAX];

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < going[i]->refs.n || k == 0; k++) {
			names = xreallocarray(names, n_names + 1, sizeof(*names));
			names[n_names++] =
				(struct name){.ref = going[i]->refs.n ? going[i]->refs.v[k] : NULL,
					.manifest = {.digest = going[i]->top}};
		}
	AUTO_FREE bool *gone = xcalloc(n_names + 1, sizeof(*gone));
	int r = names_remove_all(s, names, n_names, gone, err);
	free(names); /* what is in them is the list's */
	for (size_t i = 0; r == 0 && i < n; i++) {
		STRV_FOREACH (ref, &going[i]->refs)
			out_printf(&app->out, "untagged: %s\n", *ref);
		out_printf(&app->out, "%s\n", digest_hex(&going[i]->shown, hex));
	}
	return r;
}

/* What is in use stays in use: with --prune that is no error. */
static int remove_listed(struct app *app, struct store *s, const struct image_list *list,
	const struct rmi_args *a, struct err *err)
{
	AUTO_FREE const struct listed **going = xcalloc(list->n + 1, sizeof(*going));
	size_t n = 0;
	int first = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct err now = ERR_INIT;
		if (list->i[i].additional ||
			(!a->all && (list->i[i].refs.n || list->i[i].intermediate)))
			continue;
		int r = release(s, &list->i[i], a->force, &now);
		if (r == 0)
			going[n++] = &list->i[i];
		if (r == 0 || (r == ERR_BUSY && !a->all))
			continue;
		if (first < 0) {
			out_error(&app->out, &now);
		} else {
			first = r;
			*err = now;
		}
	}
	struct err now = ERR_INIT;
	if (remove_many(app, s, going, n, &now) < 0) {
		if (first < 0)
			out_error(&app->out, &now);
		else
			*err = now;
		first = now.code;
	}
	return first;
}

struct removing {
	struct store *s;
	bool force, ignore;
	struct strv failed; /* called buildah: why, for one list of them all at the end */
	int last;
};

/* The list is read anew, as removing one name changes how many are left. */
static int remove_named(struct app *app, const char *text, void *arg, struct err *err)
{
	struct removing *a = arg;
	AUTO_IMAGE_LIST struct image_list list = {0};

	int r = image_list_load(a->s, &list, err);
	if (r == 0)
		r = remove_one(app, a->s, &list, text, a->force, err);
	if (r == ERR_NOT_FOUND && a->ignore) {
		err_clear(err);
		return 0;
	}
	if (r == 0 || !called_buildah())
		return r;
	strv_add(&a->failed, err->msg);
	a->last = r;
	return 0;
}

static int remove_words(struct app *app, struct store *s, const struct strv *words,
	const struct rmi_args *args, struct err *err)
{
	struct removing a = {
		.s = s, .force = args->force, .ignore = args->ignore, .failed = STRV_INIT};

	int r = each_word(app, words, remove_named, &a, err);
	if (a.failed.n == 1) {
		r = err_set(err, a.last, "%s", a.failed.v[0]);
	} else if (a.failed.n) {
		AUTO_FREE char *lines = strv_join(&a.failed, "\n\t* ");
		r = err_set(err, a.last, "%zu errors occurred:\n\t* %s", a.failed.n, lines);
	}
	strv_done(&a.failed);
	return r;
}

/* What was removed is gone even if something else could not be. Intermediate images that nothing
 * needs any more go with it, and are told, as by buildah, whose cache is nothing else: after --all
 * it has none. */
static int sweep(struct app *app, struct store *s, bool all, struct err *err)
{
	const bool cache = all && called_buildah();
	const struct gc_opts opts = {.cache = cache, .keep_steps = cache};
	struct gc_result result;
	AUTO_IMAGE_LIST struct image_list list = {0};
	AUTO_STRV struct strv removed = STRV_INIT;

	int r = image_list_load(s, &list, err);
	if (r == 0)
		r = store_gc(s, &opts, &result, &removed, err);
	if (r == 0)
		image_list_print_removed(&app->out, &list, &removed);
	return r;
}

static int rmi_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct rmi_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_IMAGE_LIST struct image_list list = {0};

	if (a->all && a->prune)
		return err_set(err, ERR_INVALID,
			"when using the --all switch, you may not use --prune switch");
	if (rest->n && (a->all || a->prune))
		return err_set(err, ERR_INVALID,
			"when using the --%s switch, you may not pass any images names or IDs",
			a->all ? "all" : "prune");
	if (!rest->n && !a->all && !a->prune)
		return err_set(err, ERR_INVALID,
			"image name or ID must be specified. See '%s rmi --help'", called_name());
	int r = app_store(app, 0, &s, err);
	if (r == 0 && rest->n)
		r = remove_words(app, s, rest, a, err);
	else if (r == 0) {
		r = image_list_load(s, &list, err);
		if (r == 0)
			r = remove_listed(app, s, &list, a, err);
	}
	struct err gc_err = ERR_INIT;
	int swept = s ? sweep(app, s, a->all, &gc_err) : 0;
	if (r == 0 && swept < 0) {
		*err = gc_err;
		return swept;
	}
	return r;
}

const struct cmd cmd_rmi = {
	.name = "rmi",
	.options = rmi_options,
	.args_size = sizeof(struct rmi_args),
	.max_args = CMD_ANY,
	.flags = CMD_USERNS | CMD_BUILDAH_WORDS,
	.run = rmi_run,
};
