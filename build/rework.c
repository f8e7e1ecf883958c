/* SPDX-License-Identifier: Apache-2.0 */
#include "build/rework.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/build.h"
#include "build/image_tree.h"
#include "build/recompress.h"
#include "image/docker_schema2.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/images.h"

#include <stdlib.h>
#include <string.h>

#define CREATED "org.opencontainers.image.created"

struct reworking {
	struct store *store;
	struct txn *txn;
	const struct rework *w;
	struct progress *progress;
	bool index; /* there is one */
};

static int put(struct store *s, const char *text, struct descriptor *d, struct err *err)
{
	d->size = strlen(text);
	return blob_put(s, text, strlen(text), &d->digest, err);
}

/* --- layers --- */

static void drop_history(struct image_config *c, size_t first)
{
	for (size_t i = first; i < c->n_history; i++) {
		struct history *h = &c->history[i];
		free(h->created);
		free(h->created_by);
		free(h->author);
		free(h->comment);
	}
	c->n_history = first;
}

/* With the base image gone into it there is one step, the last; else all steps stay, of which the
 * last one with a layer has all of it. */
static void squash_history(struct image_config *c, size_t first, bool all)
{
	if (all && c->n_history) {
		struct history *last = &c->history[c->n_history - 1];
		struct history tmp = c->history[0];
		c->history[0] = *last;
		*last = tmp;
		c->history[0].empty_layer = false;
		drop_history(c, 1);
		return;
	}
	bool wanted = true;
	for (size_t i = c->n_history; i-- > first;) {
		struct history *h = &c->history[i];
		bool had = !h->empty_layer;
		h->empty_layer = !(had && wanted);
		wanted &= !had;
	}
}

static void cut_layers(struct image *img, size_t n)
{
	for (size_t i = n; i < img->manifest.n_layers; i++)
		descriptor_done(&img->manifest.layers[i]);
	img->manifest.n_layers = n;
	img->config.n_diff_ids = n;
}

static int squash(
	struct reworking *r, struct image *img, const struct built_image *built, struct err *err)
{
	bool all = r->w->squash == SQUASH_ALL;
	size_t first = all ? 0 : built->base_layers;
	const struct diff_opts opts = {
		.compression = r->w->compression,
		.level = r->w->level,
		.clamp = r->w->clamp,
		.force = r->w->force,
		.clamp_s = r->w->clamp_s,
	};
	struct layer layer;
	if (img->manifest.n_layers - first < 2)
		return 0;
	if (image_tree_squash(r->store, r->txn, img, first, &opts, r->progress, &layer, err) < 0)
		return err->code;
	cut_layers(img, first);
	squash_history(&img->config, built->base_history, all);
	char *type = xstrdup(layer_media_type(opts.compression));
	const struct descriptor d = {
		.media_type = type, .digest = layer.blob, .size = layer.blob_size};
	manifest_add_layer(&img->manifest, &d);
	free(type);
	image_config_add_diff_id(&img->config, &layer.diff_id);
	return 0;
}

static int recompress(
	struct reworking *r, struct image *img, const struct built_image *built, struct err *err)
{
	size_t first = r->w->recompress_all || r->w->squash == SQUASH_ALL ? 0 : built->base_layers;
	const struct recompression how = {r->w->compression, r->w->chunked, r->w->level};
	for (size_t i = first; r->w->recompress && i < img->manifest.n_layers; i++)
		if (layer_recompress(r->store, &img->manifest.layers[i], &img->config.diff_ids[i],
			    &how, err) < 0)
			return err->code;
	return 0;
}

/* --- documents --- */

static void annotate(const struct rework *w, enum annotation_place place,
	const struct platform *platform, struct map *ret)
{
	for (size_t i = 0; i < w->annotations.n; i++) {
		const struct annotation *a = &w->annotations.a[i];
		if (a->place == place && (!a->has_platform || !platform ||
						 platform_match(&a->platform, platform) >= 0))
			map_set(ret, a->key, a->value);
	}
}

/* Docker's schema 2 has no layers of zstd: who asks for them gets OCI's. */
static bool becomes_docker(const struct rework *w, const char *media_type)
{
	bool zstd = w->recompress && w->compression == COMPRESSION_ZSTD;
	return w->types == TYPES_DOCKER ||
	       (w->types == TYPES_ASIS && !zstd && media_is_docker(media_type));
}

static int put_manifest(
	struct reworking *r, const struct manifest *m, struct descriptor *d, struct err *err)
{
	struct manifest other;
	int rc = becomes_docker(r->w, m->media_type) ? manifest_to_docker(m, &other, err)
	                                             : manifest_to_oci(m, &other, err);
	if (rc < 0)
		return rc;
	AUTO_FREE char *text = manifest_dump(&other);
	mem_replace(&d->media_type, xstrdup(other.media_type));
	manifest_done(&other);
	return put(r->store, text, d, err);
}

static int rework_image(struct reworking *r, struct built_image *built, struct err *err)
{
	AUTO_IMAGE struct image img = {0};
	const struct rework *w = r->w;
	if (image_load(r->store, &built->manifest, NULL, &img, err) < 0 ||
		(w->squash != SQUASH_NONE && squash(r, &img, built, err) < 0) ||
		recompress(r, &img, built, err) < 0)
		return err->code;
	if (w->omit_history)
		drop_history(&img.config, 0);
	if (w->created_annotation && img.config.created)
		map_set(&img.manifest.annotations, CREATED, img.config.created);
	annotate(w, ANNOTATE_MANIFEST, &built->platform, &img.manifest.annotations);
	annotate(w, ANNOTATE_MANIFEST_DESCRIPTOR, &built->platform, &built->manifest.annotations);
	if (w->squash != SQUASH_NONE || w->omit_history) {
		AUTO_FREE char *config = image_config_dump(&img.config);
		if (put(r->store, config, &img.manifest.config, err) < 0)
			return err->code;
	}
	if (put_manifest(r, &img.manifest, &built->manifest, err) < 0)
		return err->code;
	built->image_id = img.manifest.config.digest;
	built->bytes = built->manifest.size + img.manifest.config.size;
	for (size_t i = 0; i < img.manifest.n_layers; i++)
		built->bytes += img.manifest.layers[i].size;
	return 0;
}

/* The index again, with the new manifests in the places of the old ones. */
static int rework_index(struct reworking *r, const struct built_image *images, size_t n,
	struct descriptor *root, struct err *err)
{
	struct index old, ix = {0};
	int rc = index_load(r->store, root, &old, err);
	if (rc < 0)
		return rc;
	bool docker = becomes_docker(r->w, root->media_type);
	ix.media_type = xstrdup(docker ? MT_DOCKER_LIST : MT_OCI_INDEX);
	if (!docker) {
		map_copy(&ix.annotations, &old.annotations);
		annotate(r->w, ANNOTATE_INDEX, NULL, &ix.annotations);
	}
	index_done(&old);
	for (size_t i = 0; i < n; i++)
		index_add(&ix, &images[i].manifest);
	AUTO_FREE char *text = index_dump(&ix);
	mem_replace(&root->media_type, xstrdup(ix.media_type));
	index_done(&ix);
	return put(r->store, text, root, err);
}

int rework_check(const struct rework *w, bool index, struct err *err)
{
	if (w->types == TYPES_DOCKER && w->recompress && w->compression == COMPRESSION_ZSTD)
		return err_set(err, ERR_UNSUPPORTED,
			"zstd compression is not supported for docker images; take the format "
			"'oci', or gzip");
	for (size_t i = 0; i < w->annotations.n; i++) {
		const struct annotation *a = &w->annotations.a[i];
		if (!index && (a->place == ANNOTATE_INDEX || a->place == ANNOTATE_INDEX_DESCRIPTOR))
			return err_set(err, ERR_INVALID,
				"annotation '%s' is for an index, and an image for one platform "
				"has none",
				a->key);
	}
	return 0;
}

int rework_images(struct store *s, struct txn *t, const struct rework *w, struct progress *progress,
	struct build_result *result, struct err *err)
{
	struct reworking r = {
		s, t, w, progress, media_kind(result->root.media_type) == MEDIA_INDEX};
	if (rework_check(w, r.index, err) < 0)
		return err->code;
	for (size_t i = 0; i < result->n_images; i++)
		if (rework_image(&r, &result->images[i], err) < 0)
			return err->code;
	if (r.index) {
		annotate(w, ANNOTATE_INDEX_DESCRIPTOR, NULL, &result->root.annotations);
		return rework_index(&r, result->images, result->n_images, &result->root, err);
	}
	descriptor_done(&result->root);
	descriptor_copy(&result->root, &result->images[0].manifest);
	result->root.has_platform = false;
	return 0;
}
