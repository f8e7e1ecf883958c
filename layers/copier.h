/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies trees of a step, file by file: to show it the layers below (snapshot_copy.c), and back
 * (settle_copy.c). What is read may be changed meanwhile by somebody who has a descriptor of it:
 * nothing is followed, only regular files are opened, and what was copied is nobody else's.
 */
#pragma once
#include "base/buf.h"
#include <stdbool.h>

struct copied;
struct err;
struct links;
struct merged;

struct copier {
	int root; /* of the copy */
	struct links *links; /* NULL: each name of a file becomes a file of its own */
	struct copied *done; /* NULL, or notes what was copied */
	bool take; /* files are removed when they were copied: there may be no room for both */
	struct buf path; /* of what is copied, below root: BUF_INIT(PATH_MAX) */
	unsigned depth;
};

/* from/name, which c->path names, to to/name; all that is below it, too. Nothing, if from does not
 * have it. */
int copier_name(struct copier *c, const struct merged *from, const char *name, int to,
	struct err *err) __attribute__((warn_unused_result));
/* What is in the directory c->path. */
int copier_tree(struct copier *c, const struct merged *from, int to, struct err *err)
	__attribute__((warn_unused_result));
