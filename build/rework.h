/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built images in another form: fewer layers, other media types, annotations, compression. What the
 * steps made is left as it is, so the cache serves every form; the documents and layers that differ
 * are written anew.
 */
#pragma once
#include "base/map.h"
#include "image/platform.h"
#include "layers/layer.h"
#include <stdbool.h>
#include <stdint.h>

struct build_result;
struct err;
struct progress;
struct store;
struct txn;

enum annotation_place {
	ANNOTATE_MANIFEST,
	ANNOTATE_MANIFEST_DESCRIPTOR, /* the manifest's entry in the index, or in the store's list
	                               */
	ANNOTATE_INDEX,
	ANNOTATE_INDEX_DESCRIPTOR,
};

struct annotation {
	enum annotation_place place;
	bool has_platform;
	struct platform platform; /* only the image for this one */
	char *key, *value;
};

struct annotations {
	struct annotation *a;
	size_t n;
};
/* "[TYPE[PLATFORM]:]KEY=VALUE" as of buildx --annotation; several types are separated by commas.
 * ERR_INVALID */
int annotations_add(struct annotations *a, const char *text, struct err *err)
	__attribute__((warn_unused_result));
void annotations_done(struct annotations *a);

enum squash { SQUASH_NONE, SQUASH_NEW, SQUASH_ALL };
enum image_types { TYPES_ASIS, TYPES_OCI, TYPES_DOCKER };

struct rework {
	enum squash squash;
	bool omit_history;
	bool created_annotation; /* org.opencontainers.image.created */
	enum image_types types;
	struct annotations annotations;
	bool recompress; /* layers of the build */
	bool recompress_all; /* those of the base image too */
	enum compression compression; /* of new and recompressed layers */
	bool chunked; /* zstd with a table of files, layers/chunked.h: of recompressed ones */
	int level; /* of the compressor, -1 its default */
	/* times in a squashed layer, as struct diff_opts */
	bool clamp, force;
	int64_t clamp_s;
};

/* Before a build of which it is known whether it makes an index. ERR_INVALID: an annotation of an
 * index, and there is none. */
int rework_check(const struct rework *w, bool index, struct err *err)
	__attribute__((warn_unused_result));
/* Replaces the images and the root of r. ERR_INVALID: an annotation of an index, and there is
 * none. */
int rework_images(struct store *s, struct txn *t, const struct rework *w, struct progress *progress,
	struct build_result *r, struct err *err) __attribute__((warn_unused_result));
