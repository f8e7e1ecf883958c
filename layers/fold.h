/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upper directory that was made on top of another one becomes part of that, by moving names: no
 * content is copied, and until then the other one is as it was.
 *
 *	fold_begin(upper, fresh)
 *	a snapshot with `upper` as its topmost layer and `fresh` to be written to; snapshot_settle()
 *	fold_end(fresh, upper)
 *
 * Both are on one file system. What fold_end() leaves is a changeset to be settled against what
 * lies below upper.
 */
#pragma once

struct err;

/* What the root of the tree is like is what its topmost directory is like. */
int fold_begin(int upper, int fresh, struct err *err) __attribute__((warn_unused_result));
/* After an error, or after it was killed, some names have moved: called again it moves the rest. */
int fold_end(int fresh, int upper, struct err *err) __attribute__((warn_unused_result));
