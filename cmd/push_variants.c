/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/push_variants.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "build/build.h"
#include "build/recompress.h"
#include "build/rework.h"
#include "image/docker_schema2.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "layers/chunked.h"
#include "store/blobs.h"
#include "store/images.h"

#define MARK "io.github.containers.compression.zstd"

static int parse_format(const char *text, struct recompression *ret, struct err *err)
{
	const bool chunked = streq(text, "zstd:chunked");

	if (!chunked && !streq(text, "zstd") && !streq(text, "gzip"))
		return err_set(err, ERR_INVALID,
			"option '--add-compression': '%s' is not one of 'gzip', 'zstd', "
			"'zstd:chunked'",
			text);
	*ret = (struct recompression){
		.compression = streq(text, "gzip") ? COMPRESSION_GZIP : COMPRESSION_ZSTD,
		.chunked = chunked,
		.level = -1};
	return 0;
}

/* Are all layers of the entry compressed like this? */
static int has_format(struct store *s, const struct descriptor *d,
	const struct recompression *format, bool *ret, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	const char *want =
		format->compression == COMPRESSION_ZSTD ? MT_OCI_LAYER_ZSTD : MT_OCI_LAYER_GZIP;

	int r = image_load(s, d, NULL, &image, err);
	if (r < 0)
		return r;
	*ret = true;
	for (size_t i = 0; i < image.manifest.n_layers; i++) {
		const char *have = media_type_to_oci(image.manifest.layers[i].media_type);
		*ret = *ret && have && streq(have, want) &&
		       (!format->chunked ||
			       chunked_is_annotated(&image.manifest.layers[i].annotations));
	}
	return 0;
}

static int make_variant(struct store *s, struct txn *t, struct progress *progress,
	const struct descriptor *d, const struct recompression *format, struct descriptor *ret,
	struct err *err)
{
	struct build_result result = {.n_images = 1};
	const struct rework w = {.recompress = true,
		.recompress_all = true,
		.compression = format->compression,
		.chunked = format->chunked,
		.level = format->level,
		.types = format->compression == COMPRESSION_ZSTD ? TYPES_OCI : TYPES_ASIS};

	result.images = xcalloc(1, sizeof(*result.images));
	result.images[0].platform = d->platform;
	descriptor_copy(&result.images[0].manifest, d);
	descriptor_copy(&result.root, d);
	int r = rework_images(s, t, &w, progress, &result, err);
	if (r == 0) {
		descriptor_copy(ret, &result.root);
		ret->has_platform = d->has_platform;
		if (format->compression == COMPRESSION_ZSTD)
			map_set(&ret->annotations, MARK, "true");
	}
	build_result_done(&result);
	return r;
}

static bool same_platform(const struct platform *a, const struct platform *b)
{
	return streq(a->os, b->os) && streq(a->arch, b->arch) && streq(a->variant, b->variant) &&
	       streq(a->os_version, b->os_version);
}

/* Is there one for the platform of entry i among the first n? */
static int platform_has(struct store *s, const struct index *ix, size_t n, size_t i,
	const struct recompression *format, bool *ret, struct err *err)
{
	int r = 0;

	*ret = false;
	for (size_t k = 0; k < n && r == 0 && !*ret; k++)
		if (index_entry_is_image(&ix->manifests[k]) &&
			same_platform(&ix->manifests[k].platform, &ix->manifests[i].platform))
			r = has_format(s, &ix->manifests[k], format, ret, err);
	return r;
}

static int add_format(struct store *s, struct txn *t, struct progress *progress,
	const struct recompression *format, struct index *ix, struct err *err)
{
	const size_t n = ix->n_manifests;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct descriptor d = {0};
		bool has = !index_entry_is_image(&ix->manifests[i]);
		if (!has && !blob_has(s, &ix->manifests[i].digest, NULL))
			return err_set(err, ERR_UNSUPPORTED,
				"option '--add-compression': an image of the list is not here; "
				"pull it with --all-platforms");
		if (!has)
			r = platform_has(s, ix, ix->n_manifests, i, format, &has, err);
		if (r < 0 || has)
			continue;
		r = make_variant(s, t, progress, &ix->manifests[i], format, &d, err);
		if (r == 0)
			index_add(ix, &d);
		if (r == 0 && format->compression == COMPRESSION_ZSTD)
			mem_replace(&ix->media_type, xstrdup(MT_OCI_INDEX));
		descriptor_done(&d);
	}
	return r;
}

int push_add_variants(struct store *s, struct txn *t, const struct strv *formats,
	struct progress *progress, const struct descriptor *list, struct descriptor *ret,
	struct err *err)
{
	struct index ix = {0};

	if (media_kind(list->media_type) != MEDIA_INDEX)
		return err_set(err, ERR_INVALID,
			"option '--add-compression' is for a list: there is no other place beside "
			"an image");
	int r = index_load(s, list, &ix, err);
	STRV_FOREACH (text, formats) {
		struct recompression format;
		if (r == 0)
			r = parse_format(*text, &format, err);
		if (r == 0)
			r = add_format(s, t, progress, &format, &ix, err);
	}
	if (r < 0) {
		index_done(&ix);
		return r;
	}
	AUTO_FREE char *text = index_dump(&ix);
	struct descriptor d;
	descriptor_copy(&d, list);
	mem_replace(&d.media_type, xstrdup(ix.media_type));
	index_done(&ix);
	d.size = strlen(text);
	r = blob_put(s, text, strlen(text), &d.digest, err);
	if (r < 0)
		descriptor_done(&d);
	else
		*ret = d;
	return r;
}
