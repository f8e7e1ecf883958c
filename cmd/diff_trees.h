/* SPDX-License-Identifier: Apache-2.0 */
/* What is different in a tree: paths, each with what became of it. */
#pragma once
#include "base/strv.h"

struct err;
struct merged;

#define CHANGES_DEPTH_MAX                                                                          \
	1000 /* directories in one another: 4,096 bytes hold no more that have names */

struct changes {
	struct strv paths;
	struct strv kinds; /* "A" added, "C" changed or something in it, "D" deleted; of each */
};

void changes_add(struct changes *c, const char *kind, const char *dir, const char *name);
void changes_done(struct changes *c);
/* Two trees, whatever layers they are made of. Files are the same that have the same type, owner,
 * mode, size and time, as containers-storage sees it. */
int diff_trees(struct changes *c, const struct merged *now, const struct merged *before,
	struct err *err) __attribute__((warn_unused_result));
