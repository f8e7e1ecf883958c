/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/here.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/progress.h"
#include "registry/fetch.h"
#include "registry/list_fetch.h"
#include "registry/offline.h"
#include "registry/pull.h"
#include "store/blobs.h"
#include "store/images.h"
#include "store/store.h"
#include "store/tree.h"
#include "store/turns.h"

#define PLATFORM_TEXT_MAX 128
#define PLATFORMS_SHOWN_MAX 400 /* bytes */
#define WAIT_STEP_MS 20

/* blobs: a layer that is unpacked is not enough. ret: the image, if it has them; may be NULL. */
static bool has_layers(struct store *s, const struct descriptor *top, const struct platform *want,
	bool blobs, struct image *ret)
{
	AUTO_IMAGE struct image image = {0};
	struct err ignored = ERR_INIT;
	if (image_load(s, top, want, &image, &ignored) < 0)
		return false;
	/* A single manifest loads whatever was asked for: it may be the host's, pulled before. */
	bool ok = !want || platform_match(want, &image.config.platform) >= 0;
	for (size_t i = 0; ok && i < image.manifest.n_layers; i++)
		ok = blob_has(s, &image.manifest.layers[i].digest, NULL) ||
		     (!blobs && i < image.config.n_diff_ids &&
			     tree_has(s, &image.config.diff_ids[i]));
	if (ok && ret) {
		*ret = image;
		image = (struct image){0};
	}
	return ok;
}

/* All images of an index; a manifest that came from an index is not all of it. */
static bool has_all_platforms(struct store *s, const struct descriptor *top, bool blobs)
{
	struct platform_list all = {0};
	struct err ignored = ERR_INIT;
	if (map_has(&top->annotations, ANNOTATION_INDEX_DIGEST) ||
		image_platforms(s, top, &all, &ignored) < 0)
		return false;
	bool ok = true;
	for (size_t i = 0; ok && i < all.n; i++)
		ok = has_layers(s, top, &all.p[i], blobs, NULL);
	platform_list_done(&all);
	return ok;
}

/* Everything that running or pushing it needs, for the platform that was asked for. *ret: that
 * image, empty for all of them. */
static bool is_complete(
	struct store *s, const struct descriptor *top, const struct pull_opts *o, struct image *ret)
{
	if (o->all_platforms)
		return has_all_platforms(s, top, o->blobs);
	return has_layers(s, top, o->has_platform ? &o->platform : NULL, o->blobs, ret);
}

bool here_only(const struct pull_opts *o)
{
	return o->policy == PULL_NEVER || offline_is_set();
}

/* An image of a list that was made here may have left its layers where it was found. */
static int fetch_rest(
	struct store *s, const struct descriptor *top, const struct pull_opts *o, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	struct err ignored = ERR_INIT;
	if (here_only(o) || o->no_layers)
		return 0;
	if (o->all_platforms)
		return list_fetch_all(s, top, &o->remote, o->progress, err);
	if (image_load(s, top, o->has_platform ? &o->platform : NULL, &image, &ignored) < 0)
		return 0;
	return list_fetch(s, &image.manifest_desc, &o->remote, o->progress, err);
}

int here_find(struct store *s, const char *text, const struct pull_opts *o, struct pulled *ret,
	struct err *err)
{
	struct descriptor top = {0};
	char *ref = NULL;
	int r = image_find_named(s, text, &top, &ref, err);
	if (r == ERR_NOT_FOUND && here_only(o)) {
		err_clear(err);
		r = image_find(s, text, &top, &ref, err);
	}
	if (r < 0)
		return r;
	struct image image = {0};
	if (!is_complete(s, &top, o, &image) &&
		(fetch_rest(s, &top, o, err) < 0 || !is_complete(s, &top, o, &image))) {
		descriptor_done(&top);
		free(ref);
		return err_set(err, ERR_NOT_FOUND, "'%s' is not here for this platform", text);
	}
	*ret = (struct pulled){.top = top, .ref = ref};
	if (!o->all_platforms)
		ret->image = xmemdup(&image, sizeof(image));
	return 0;
}

bool here_may_be_better(const struct pulled *here, const struct pull_opts *o)
{
	struct platform want = o->platform, have;

	if (!o->has_platform || !here->image ||
		!map_has(&here->top.annotations, ANNOTATION_INDEX_DIGEST))
		return false;
	have = here->image->config.platform;
	platform_normalise(&want);
	platform_normalise(&have);
	return *want.variant && *have.variant && !streq(want.variant, have.variant);
}

/* All who wait go on together when the first one ends: each that fails is waited for once. */
int here_wait(struct store *s, const char *text, const struct pull_opts *o, int *ret_turn,
	struct err *err)
{
	struct platform want = o->platform;
	char platform[PLATFORM_TEXT_MAX];
	if (!o->has_platform)
		platform_host(&want);
	platform_normalise(&want);
	AUTO_FREE char *what = xasprintf("pull %s %s", text, platform_str(&want, platform));
	struct digest key = digest_of(what, strlen(what));
	int r = turn_take(s, &key, ret_turn, err);
	if (r != ERR_BUSY)
		return r;
	err_clear(err);
	AUTO_FREE char *told = xasprintf("Waiting for another process, which pulls %s...", text);
	progress_say(o->progress, told);
	while (!turn_is_free(s, &key)) {
		(void)poll(NULL, 0, WAIT_STEP_MS);
		if (proc_interrupted(err) < 0)
			return err->code;
	}
	return 0;
}

/* It is there whole for no platform at all. */
static bool lacks_parts(struct store *s, const struct descriptor *top)
{
	struct platform_list all = {0};
	struct err err = ERR_INIT;
	if (image_platforms(s, top, &all, &err) < 0)
		return err.code == ERR_NOT_FOUND;
	bool lacking = all.n > 0;
	for (size_t i = 0; i < all.n; i++)
		lacking = lacking && !has_layers(s, top, &all.p[i], false, NULL);
	platform_list_done(&all);
	return lacking;
}

/* "linux/amd64, linux/arm64" */
static void list_platforms(struct store *s, const struct descriptor *top, struct buf *b)
{
	struct platform_list all = {0};
	struct err ignored = ERR_INIT;
	char text[PLATFORM_TEXT_MAX];
	if (image_platforms(s, top, &all, &ignored) < 0)
		return;
	for (size_t i = 0; i < all.n; i++)
		if (has_layers(s, top, &all.p[i], false, NULL))
			buf_addf(b, "%s%s", b->len ? ", " : "", platform_str(&all.p[i], text));
	platform_list_done(&all);
}

bool here_explain(struct store *s, const char *text, const struct pull_opts *o, struct err *err)
{
	struct err ignored = ERR_INIT, why = *err;
	struct descriptor top = {0};
	AUTO_FREE char *ref = NULL;
	char platform[PLATFORM_TEXT_MAX];
	bool explained = true;
	if (image_find_named(s, text, &top, &ref, &ignored) < 0)
		return false;
	if (lacks_parts(s, &top)) {
		(void)err_set(err, why.code,
			"the store has '%s', but parts of it are missing (`mica fsck` tells "
			"which), and %s",
			text, why.msg);
	} else if (o->has_platform && !is_complete(s, &top, o, NULL)) {
		AUTO_BUF struct buf have = BUF_INIT(PLATFORMS_SHOWN_MAX);
		list_platforms(s, &top, &have);
		(void)err_set(err, why.code, "the store has '%s' for %s, but not for %s, and %s",
			text, buf_str(&have), platform_str(&o->platform, platform), why.msg);
	} else {
		explained = false;
	}
	descriptor_done(&top);
	err->sys = why.sys;
	return explained;
}

int here_unpack(struct store *s, const struct pull_opts *o, struct pulled *p, struct err *err)
{
	struct image image = {0};
	if (o->no_unpack || o->no_layers)
		return 0;
	if (p->image)
		return image_unpack(s, p->image, o->progress, err);
	int r = image_load(s, &p->top, o->has_platform ? &o->platform : NULL, &image, err);
	if (r == 0)
		r = image_unpack(s, &image, o->progress, err);
	image_done(&image);
	return r;
}

int image_unpack(
	struct store *s, const struct image *img, struct progress *progress, struct err *err)
{
	AUTO_TXN struct txn *t = NULL;
	size_t n = 0;
	AUTO_FREE struct wanted *w =
		xcalloc(img->manifest.n_layers ? img->manifest.n_layers : 1, sizeof(*w));
	if (img->config.n_diff_ids != img->manifest.n_layers)
		return err_set(err, ERR_CORRUPT,
			"image has %zu layers, but its config names %zu diff IDs",
			img->manifest.n_layers, img->config.n_diff_ids);
	for (size_t i = 0; i < img->manifest.n_layers; i++)
		if (!tree_has(s, &img->config.diff_ids[i]))
			w[n++] = (struct wanted){.desc = &img->manifest.layers[i],
				.unpack = true,
				.diff_id = img->config.diff_ids[i]};
	if (n == 0)
		return 0;
	int r = txn_begin(s, &t, err);
	if (r == 0)
		r = list_fetch(s, &img->manifest_desc, NULL, progress, err);
	return r < 0 ? r : fetch_layers(s, t, NULL, w, n, progress, NULL, err);
}
