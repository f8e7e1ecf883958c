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
	bool no_trunc;
};

static const struct opt tree_options[] = {
	OPT_BOOL(0, "no-trunc", struct tree_args, no_trunc),
	OPT_REFUSED_WHY(0, "whatrequires",
		"a tree shows one image, and of each layer which images end with it"),
	OPT_END,
};

static const char *id_text(const struct digest *d, bool whole, char buf[DIGEST_STR_MAX])
{
	digest_hex(d, buf);
	if (!whole)
		buf[SHORT_ID] = '\0';
	return buf;
}

/* Names of the images that have as many layers and end with this one. */
static void tops_of(struct store *s, const struct names *names, const struct digest *layer,
	size_t n_layers, struct strv *ret)
{
	for (size_t i = 0; i < names->count; i++) {
		AUTO_IMAGE struct image image = {0};
		struct err ignored = ERR_INIT;
		if (!names->n[i].ref ||
			image_load(s, &names->n[i].manifest, NULL, &image, &ignored) < 0)
			continue;
		size_t n = image.config.n_diff_ids;
		if (n == n_layers && digest_equal(&image.config.diff_ids[n - 1], layer))
			strv_add(ret, names->n[i].ref);
	}
}

static void print_layers(struct app *app, struct store *s, const struct names *names,
	const struct image *image, const struct tree_args *a)
{
	char id[DIGEST_STR_MAX], size[TEXT_NUM_MAX];
	size_t n = image->config.n_diff_ids;

	for (size_t i = 0; i < n; i++) {
		AUTO_STRV struct strv tops = STRV_INIT;
		const struct digest *layer = &image->config.diff_ids[i];
		tops_of(s, names, layer, i + 1, &tops);
		AUTO_FREE char *of = strv_join(&tops, " ");
		out_printf(&app->out, "%s ID: %s Size: %s%s%s%s\n", i + 1 < n ? "├──" : "└──",
			id_text(layer, a->no_trunc, id),
			text_size(layer_size(s, &image->manifest.layers[i], layer), size),
			tops.n ? " Top Layer of: [" : "", of, tops.n ? "]" : "");
	}
}

static int tree_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct tree_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_IMAGE struct image image = {0};
	AUTO_STRV struct strv refs = STRV_INIT;
	struct names names = {0};
	char id[DIGEST_STR_MAX], size[TEXT_NUM_MAX];

	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = image_find_loaded(s, rest->v[0], &image, NULL, err);
	if (r == 0)
		r = names_list_all(s, &names, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names.count; i++)
		if (names.n[i].ref && digest_equal(&names.n[i].manifest.digest, &image.top.digest))
			strv_add(&refs, names.n[i].ref);
	AUTO_FREE char *tags = strv_join(&refs, " ");
	out_printf(&app->out, "Image ID: %s\nTags:     [%s]\nSize:     %s\n",
		id_text(&image.id, a->no_trunc, id), tags, text_size(image_size(s, &image), size));
	out_printf(&app->out, image.config.n_diff_ids ? "Image Layers\n" : "No Image Layers\n");
	print_layers(app, s, &names, &image, a);
	names_done(&names);
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
