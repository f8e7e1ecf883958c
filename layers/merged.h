/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack of layers read as one tree, without a mount: names are looked up from the topmost layer
 * down, whiteouts and opaque directories hide what is below them (image-spec layer.md; overlayfs'
 * form of them, see whiteout.h). Nothing is followed and nothing outside the layers is opened.
 */
#pragma once
#include "base/strv.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct err;

/* The directories, topmost first, whose union is one directory. n 0: there is none. */
struct merged {
	int *fd;
	size_t n;
};

/* Opens the roots again, so that the result is independent of lower (topmost first). */
int merged_root(const int *lower, size_t n, struct merged *ret, struct err *err)
	__attribute__((warn_unused_result));
/* True if the name is there: *ret_st, and which directory of d has it. */
bool merged_stat(const struct merged *d, const char *name, struct stat *ret_st, size_t *ret_at);
/* The directory of that name; n is 0 if there is none. */
int merged_enter(const struct merged *d, const char *name, struct merged *ret, struct err *err)
	__attribute__((warn_unused_result));
/* All names, each once, in bytewise order. */
int merged_names(const struct merged *d, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
void merged_done(struct merged *d);
#define AUTO_MERGED __attribute__((cleanup(merged_done)))
