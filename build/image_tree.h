/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of an image in the store as one: its files, and --squash. */
#pragma once
#include "layers/diff.h"
#include <stddef.h>

struct err;
struct image;
struct progress;
struct store;
struct txn;

/* The layers of img from number `first` on as one; its blob is in the store after. */
int image_tree_squash(struct store *s, struct txn *t, const struct image *img, size_t first,
	const struct diff_opts *opts, struct progress *progress, struct layer *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The tree that the first n layers of img make, mounted read-only and always as an overlay, so that
 * whiteouts do not show. *ret_fd: O_PATH. */
int image_tree_mount(struct store *s, struct txn *t, const struct image *img, size_t n,
	struct progress *progress, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
