/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/cmd.h"
#include "cmd/text.h"
#include "store/images.h"
#include "store/layer_size.h"
#include "store/names.h"
#include "store/store.h"

#define SHORT_ID 12 /* digits, as docker and buildah */

struct tree_args {
	bool no_trunc, whatrequires;
};

static const struct opt tree_options[] = {
	OPT_BOOL(0, "no-trunc", struct tree_args, no_trunc),
	OPT_BOOL(0, "whatrequires", struct tree_args, whatrequires),
	OPT_END,
};

/* The image of each name. */
struct forest {
	struct store *s;
	struct image *i;
	struct names names;
	bool no_trunc;
};

static void forest_load(struct forest *f)
{
	f->i = xcalloc(f->names.count + 1, sizeof(*f->i));
	for (size_t i = 0; i < f->names.count; i++) {
		struct err ignored = ERR_INIT;
		if (f->names.n[i].ref)
			(void)!image_load(f->s, &f->names.n[i].manifest, NULL, &f->i[i], &ignored);
	}
}

static void forest_done(struct forest *f)
{
	for (size_t i = 0; i < f->names.count; i++)
		image_done(&f->i[i]);
	free(f->i);
	names_done(&f->names);
}

static const char *id_text(const struct digest *d, bool whole, char buf[DIGEST_STR_MAX])
{
	digest_hex(d, buf);
	if (!whole)
		buf[SHORT_ID] = '\0';
	return buf;
}

static bool is_on(const struct image *image, const struct digest *layers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (i >= image->config.n_diff_ids ||
			!digest_equal(&image->config.diff_ids[i], &layers[i]))
			return false;
	return true;
}

/* The nth layer of the image, with the names of the images that end with it. */
static void print_layer(struct app *app, const struct forest *f, const struct image *image,
	size_t n, const char *before, const char *branch)
{
	char id[DIGEST_STR_MAX], size[TEXT_NUM_MAX];
	AUTO_STRV struct strv tops = STRV_INIT;
	const struct digest *layers = image->config.diff_ids;

	for (size_t i = 0; i < f->names.count; i++)
		if (f->i[i].config.n_diff_ids == n + 1 && is_on(&f->i[i], layers, n + 1))
			strv_add(&tops, f->names.n[i].ref);
	AUTO_FREE char *of = strv_join(&tops, " ");
	out_printf(&app->out, "%s%s ID: %s Size: %s%s%s%s\n", before, branch,
		id_text(&layers[n], f->no_trunc, id),
		text_size(layer_size(f->s, &image->manifest.layers[n], &layers[n]), size),
		tops.n ? " Top Layer of: [" : "", of, tops.n ? "]" : "");
}

/* Does an image before this one have the same layer n on the same others? */
static bool is_again(const struct forest *f, size_t at, size_t n)
{
	for (size_t i = 0; i < at; i++)
		if (is_on(&f->i[i], f->i[at].config.diff_ids, n + 1))
			return true;
	return false;
}

/* What stands on the first n layers of the image. */
static void print_above(struct app *app, const struct forest *f, const struct image *image,
	size_t n, const char *before)
{
	AUTO_FREE size_t *next = xcalloc(f->names.count + 1, sizeof(*next));
	size_t count = 0;

	for (size_t i = 0; i < f->names.count; i++)
		if (f->i[i].config.n_diff_ids > n && is_on(&f->i[i], image->config.diff_ids, n) &&
			!is_again(f, i, n))
			next[count++] = i;
	for (size_t i = 0; i < count; i++) {
		const struct image *child = &f->i[next[i]];
		AUTO_FREE char *inner = xasprintf("%s%s", before, i + 1 < count ? "│   " : "    ");
		print_layer(app, f, child, n, before, i + 1 < count ? "├──" : "└──");
		print_above(app, f, child, n + 1, inner);
	}
}

static void print_layers(
	struct app *app, const struct forest *f, const struct image *image, bool above)
{
	size_t n = image->config.n_diff_ids;

	for (size_t i = above && n ? n - 1 : 0; i < n; i++)
		print_layer(app, f, image, i, "", i + 1 < n ? "├──" : "└──");
	if (above && n)
		print_above(app, f, image, n, "    ");
}

static int tree_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct tree_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_IMAGE struct image image = {0};
	AUTO_STRV struct strv refs = STRV_INIT;
	struct forest f = {.no_trunc = a->no_trunc};
	char id[DIGEST_STR_MAX], size[TEXT_NUM_MAX];

	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = image_find_loaded(s, rest->v[0], &image, NULL, err);
	if (r == 0)
		r = names_list_all(s, &f.names, err);
	if (r < 0)
		return r;
	f.s = s;
	forest_load(&f);
	for (size_t i = 0; i < f.names.count; i++)
		if (f.names.n[i].ref &&
			digest_equal(&f.names.n[i].manifest.digest, &image.top.digest))
			strv_add(&refs, f.names.n[i].ref);
	AUTO_FREE char *tags = strv_join(&refs, " ");
	out_printf(&app->out, "Image ID: %s\nTags:     [%s]\nSize:     %s\n",
		id_text(&image.id, a->no_trunc, id), tags, text_size(image_size(s, &image), size));
	out_printf(&app->out, image.config.n_diff_ids ? "Image Layers\n" : "No Image Layers\n");
	print_layers(app, &f, &image, a->whatrequires);
	forest_done(&f);
	return 0;
}

const struct cmd cmd_tree = {
	.name = "tree",
	.options = tree_options,
	.args_size = sizeof(struct tree_args),
	.min_args = 1,
	.max_args = 1,
	.run = tree_run,
};
