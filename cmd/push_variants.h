/* SPDX-License-Identifier: Apache-2.0 */
/* `manifest push --add-compression`: beside each image of a list the same with its layers
 * compressed in another way, for who can read that. */
#pragma once

struct descriptor;
struct err;
struct progress;
struct store;
struct strv;
struct txn;

/*
 * formats: "gzip", "zstd". An image whose platform has one of a format already gets none. An
 * entry with zstd is marked by an annotation, as the containers' tools have it, and makes the index
 * OCI's.
 * *ret: the index with them, in the store; the caller's. ERR_INVALID: no list, or an unknown
 * format. ERR_UNSUPPORTED: an image of it is not here.
 */
int push_add_variants(struct store *s, struct txn *t, const struct strv *formats,
	struct progress *progress, const struct descriptor *list, struct descriptor *ret,
	struct err *err) __attribute__((warn_unused_result));
