/* SPDX-License-Identifier: Apache-2.0 */
/* The unpacked layers of a chain, as overlayfs wants them. */
#pragma once
#include "base/digest.h"
#include <stddef.h>

struct err;
struct store;

/*
 * Opens the trees of all n diff IDs (bottom first, as in a config). ret_fds: room for n, O_PATH
 * descriptors, the topmost layer first; the caller closes them. ERR_NOT_FOUND names the diff ID
 * that is not unpacked; then none is open.
 */
int image_lowers(struct store *s, const struct digest *diff_ids, size_t n, int *ret_fds,
	struct err *err) __attribute__((warn_unused_result));
