/* SPDX-License-Identifier: Apache-2.0 */
/* A layer of the store compressed in another way. */
#pragma once
#include "layers/layer.h"
#include <stdbool.h>

struct descriptor;
struct err;
struct store;

struct recompression {
	enum compression compression;
	bool chunked; /* of zstd: with a table of files, layers/chunked.h */
	int level; /* -1: the compressor's default */
};

/* *d: a layer's descriptor, replaced by that of the new blob, which is in the store. Its diff ID is
 * diff_id before and after. A layer that is compressed like that already stays, when level is -1.
 */
int layer_recompress(struct store *s, struct descriptor *d, const struct digest *diff_id,
	const struct recompression *how, struct err *err) __attribute__((warn_unused_result));
/* "uncompressed", "gzip", "zstd": buildx's names. */
bool compression_named(const char *name, enum compression *ret);
/* gzip knows 0-9 elsewhere and 0-3 here, zstd 0-22 and 1-19; -1 stays. */
#define COMPRESSION_LEVEL_MAX 22
int compression_level(enum compression c, int level);
/* What OCI calls a layer compressed like this. */
const char *layer_media_type(enum compression c);
