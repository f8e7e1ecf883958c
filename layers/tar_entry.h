/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of a tar, as tar_read.h hands it out and tar_write.h takes it. All pointers are
 * borrowed. */
#pragma once
#include "base/xattr.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tar_entry {
	const char *
		path; /* bytes as stored, in no particular encoding; no trailing '/' when written */
	const char *link; /* target of a symbolic or hard link, else NULL */
	bool hardlink; /* link names an earlier entry; mode's type does not count */
	mode_t mode; /* type and permissions */
	uint64_t uid, gid;
	uint64_t size; /* of regular files, else 0 */
	int64_t mtime;
	uint32_t mtime_ns;
	uint32_t major, minor; /* of devices */
	const struct xattr *xattrs;
	size_t n_xattrs;
};
