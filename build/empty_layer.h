/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layer of a step that changed nothing: an archive without entries. An image has one for each
 * such step, as BuildKit's do, so that layers and history stay side by side. No step is archived
 * for it, and nothing ever runs on it: chains and keys are without it.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>

struct descriptor;
struct err;
struct store;

bool empty_layer_is(const struct digest *diff_id);
/* Into the store. *ret: the caller frees it. */
int empty_layer_put(struct store *s, struct descriptor *ret, struct digest *ret_diff_id,
	struct err *err) __attribute__((warn_unused_result));
