/* SPDX-License-Identifier: Apache-2.0 */
/* The files of built images as a tar, or in a directory of the user's. */
#pragma once
#include <stdbool.h>

struct build_result;
struct diff_opts;
struct err;
struct progress;
struct store;
struct txn;
struct writer;

struct output_tree {
	struct store *store;
	struct txn *txn;
	const struct build_result *result;
	bool split; /* each platform in a directory OS_ARCH[_VARIANT] */
	const struct diff_opts *times;
	struct progress *progress;
};

/* A deterministic tar with the image's owners. */
int output_tree_tar(const struct output_tree *t, struct writer *out, struct err *err)
	__attribute__((warn_unused_result));
/*
 * Below dest, which is made if it is missing, by a job that has it for its root: no link in it
 * leads out. Directories that are there stay and get what the image's have; whatever else is in the
 * way of a file is replaced. All belongs to the user, as with BuildKit; without privilege devices
 * are left out. After a failure a dest that was made is removed; one that was there keeps what it
 * got.
 */
int output_tree_local(const struct output_tree *t, const char *dest, struct err *err)
	__attribute__((warn_unused_result));
