/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes of one file by descriptor (O_PATH works through /proc/self/fd), and which of
 * them may travel in a layer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct xattr {
	char *name;
	void *value;
	size_t len;
};

struct xattrs {
	struct xattr *x; /* sorted by name */
	size_t n;
};

/* All attributes that may travel: user.* (not those of overlayfs and fuse-overlayfs),
 * security.capability, trusted.* never, security.selinux never, system.posix_acl_* never. The file
 * is dirfd/name, not followed; name "" with a descriptor that is not O_PATH reads that. Limits: 256
 * names, 64 KiB a value. No support by the file system is an empty set. */
int xattrs_read(int dirfd, const char *name, struct xattrs *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Has the file no attributes but those that xattrs_read() gives, without a capability, and labels
 * of this machine (security.*)? name: not "". */
int xattrs_are_plain(int dirfd, const char *name, bool *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Bytes of all that are seen, their names among them; 0 for what cannot be read. name: not "". */
uint64_t xattrs_size(int dirfd, const char *name);
/* Sets one; a file system without support (EOPNOTSUPP) or a missing privilege for security.* (EPERM
 * in a user namespace) is ERR_UNSUPPORTED. */
int xattr_set(int dirfd, const char *name, const struct xattr *x, struct err *err)
	__attribute__((warn_unused_result));
#define XATTR_CAPABILITY "security.capability"
bool xattr_travels(const char *name);
void xattrs_drop(struct xattrs *x, const char *name);
void xattrs_done(struct xattrs *x);
#define AUTO_XATTRS __attribute__((cleanup(xattrs_done)))
