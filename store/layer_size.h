/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a layer is without its compression, which is what users are shown of images.
 *
 * The last bytes of a gzip blob say it, so that nothing is kept of most layers. Of those where they
 * do not (zstd, several gzip members, 4 GiB and more) the file cache/sizes has a line "HEX BYTES",
 * by diff ID, which is added when the bytes pass. Nothing depends on it: a layer that another
 * program put into the store, and one whose line is lost, counts as its blob.
 */
#pragma once
#include <stdint.h>

struct descriptor;
struct digest;
struct err;
struct image;
struct layer;
struct store;
struct tmp;

/* Of a layer whose blob is in the store. */
void layer_size_note(struct store *s, const struct layer *l);
/* blob_commit() of the layer that t is, and the above. */
int layer_commit(struct store *s, struct tmp *t, const struct layer *l, struct err *err)
	__attribute__((warn_unused_result));
uint64_t layer_size(struct store *s, const struct descriptor *blob, const struct digest *diff_id);
/* Its layers, and the documents, as buildah counts. */
uint64_t image_size(struct store *s, const struct image *i);
