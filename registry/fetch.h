/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings layers into the store, several at a time, each by one worker process in one pass:
 * received, hashed, kept as a blob, decompressed, hashed and unpacked. What the store has is not
 * fetched, and not unpacked again. A blob is committed and a tree published only after the worker's
 * digests were compared with what was promised.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>

struct descriptor;
struct err;
struct progress;
struct sealed;
struct source;
struct store;
struct txn;

struct wanted {
	const struct descriptor *desc; /* borrowed */
	bool unpack; /* the tree is wanted, not only the blob */
	struct digest diff_id; /* for unpack */
	const struct sealed *sealed; /* as what it is to be fetched, NULL: as it is; borrowed */
};

/* source NULL: all blobs are in the store, only trees are missing. *ret_fetched is set to true when
 * anything was brought in, else left alone. */
int fetch_layers(struct store *s, struct txn *t, struct source *source, const struct wanted *w,
	size_t n, struct progress *progress, bool *ret_fetched, struct err *err)
	__attribute__((warn_unused_result));
