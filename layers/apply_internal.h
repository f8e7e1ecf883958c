/* SPDX-License-Identifier: Apache-2.0 */
/* What unpacking, ADD and verifying share. */
#pragma once
#include "layers/apply.h"

#include <limits.h>

struct tar_reader;

/* The name of an entry as a clean relative path, "" for the root. layer: ".." is refused, else it
 * stays inside. ERR_INVALID, ERR_LIMIT. */
int apply_clean(const char *raw, bool layer, char out[PATH_MAX], struct err *err)
	__attribute__((warn_unused_result));
/* One of aufs' own files, or below one: never unpacked. */
bool apply_is_meta(const char *path);
/* All entries of an open archive. The bytes after its end are the caller's to drain. */
int apply_archive(struct tar_reader *tar, int dirfd, const struct apply_opts *opts,
	struct apply_stats *ret, struct err *err) __attribute__((warn_unused_result));
