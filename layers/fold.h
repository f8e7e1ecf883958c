/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upper directory that was made on top of another one becomes part of that, by moving names: no
 * content is copied, and until fold_end() the other one is as it was. That is not one step: when it
 * is killed, some names are new and some old.
 *
 *	fold_begin(upper, fresh)
 *	a snapshot with `upper` as its topmost layer and `fresh` to be written to; snapshot_settle()
 *	fold_end(fresh, upper, the layers below upper)
 *
 * Both are on one file system. What fold_end() leaves is a changeset to be settled against what
 * lies below upper; its whiteouts hide something there.
 */
#pragma once
#include <stddef.h>

struct err;

/* What the root of the tree is like is what its topmost directory is like. */
int fold_begin(int upper, int fresh, struct err *err) __attribute__((warn_unused_result));
/* lower: what upper lies on, topmost first. After an error some names have moved: called again it
 * moves the rest. */
int fold_end(int fresh, int upper, const int *lower, size_t n_lower, struct err *err)
	__attribute__((warn_unused_result));
