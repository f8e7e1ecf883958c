/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "layers/merged.h"
#include <stdbool.h>
#include <time.h>

struct err;

/* Is dirfd/name, of which st is the lstat, the same as what the layers below have there, in
 * everything that a layer can say? Directories: apart from what is in them, and from their times.
 */
int settle_same(int dirfd, const char *name, const struct stat *st, const struct merged *below,
	bool *ret, struct err *err) __attribute__((warn_unused_result));

/* --- what fuse-overlayfs left: settle_fuse.c --- */

/* fuse-overlayfs writes names where it may not make devices. 1: name was one of them, and is gone.
 */
int settle_fuse_name(int dirfd, const char *name, const struct merged *below, struct err *err)
	__attribute__((warn_unused_result));
/* The directory fd, called name: its marks and its time. same_dir: what is below it, if anything.
 * *st: its attributes, corrected. */
int settle_fuse_dir(int fd, const char *name, const struct merged *below,
	const struct merged *same_dir, struct stat *st, struct err *err)
	__attribute__((warn_unused_result));

static inline bool settle_before(struct timespec a, struct timespec b)
{
	return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}
