/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of blobs beside any store, as buildah's --blob-cache has it: manifests and layers as
 * ALGORITHM:HEX, configs as ALGORITHM:HEX.config. What a pull or push moves is kept there, and a
 * pull takes layers from there in place of its source. Whoever can write there can make a pull
 * fail, and no more: digests are checked as those of a registry.
 */
#pragma once

struct descriptor;
struct document;
struct err;
struct store;

/* A manifest or index with all of it that is in the store. The directory is made when it is not
 * there. */
int blob_cache_keep(struct store *s, const char *dir, const struct document *doc, struct err *err)
	__attribute__((warn_unused_result));
/* The same of a document that is in the store. */
int blob_cache_keep_image(struct store *s, const char *dir, const struct descriptor *d,
	struct err *err) __attribute__((warn_unused_result));
/* -1: it has no such layer, or one of another size. dir NULL: there is none. */
int blob_cache_open(const char *dir, const struct descriptor *d);
