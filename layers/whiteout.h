/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI whiteout names <-> overlayfs' way of deleting. image-spec layer.md "Whiteouts";
 * Documentation/filesystems/overlayfs.rst "whiteouts and opaque directories": a deleted name is a
 * character device 0:0, a directory that hides the one below it has the attribute "opaque" = "y",
 * in user.overlay.* for mounts with userxattr (all of ours from Linux 5.11 on, but for file systems
 * without user.*) and in trusted.overlay.* for those without.
 *
 * On overlayfs itself (a container's own root) nobody can make that device. There it is an empty
 * file with user.overlay.whiteout, in a directory with "opaque" = "x", which is what overlayfs
 * knows from Linux 6.7 on; such layers are shown as copies (snapshot.c). The attribute does not
 * travel, so no image brings one.
 */
#pragma once
#include <stdbool.h>

struct err;
struct stat;

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

enum whiteout_kind {
	WHITEOUT_NONE, /* an ordinary name */
	WHITEOUT_NAME, /* deletes one name */
	WHITEOUT_DIR, /* makes its directory opaque */
	WHITEOUT_META, /* ".wh..wh.*", aufs' own files: to be left out */
};
/* entry: one path component. *ret_target: the name that is deleted, borrowed from entry.
 * ERR_INVALID: a whiteout of nothing, "." or "..". */
int whiteout_parse(const char *entry, enum whiteout_kind *ret, const char **ret_target,
	struct err *err) __attribute__((warn_unused_result));

/* Does the file system of fd keep user.* attributes? tmpfs does from Linux 6.6 on. Needs /proc. */
bool whiteout_user_xattrs(int fd);
/* fd: a directory; for whiteout_is_opaque it may be one of O_PATH. -1 with errno. */
int whiteout_set_opaque(int fd);
bool whiteout_is_opaque(int fd);
int whiteout_clear_opaque(int fd);
/* What fuse-overlayfs says of a directory, by attributes or by a file in it, translated. */
int whiteout_adopt(int fd);
/* Creates the device, or the file. -1 with errno. */
int whiteout_make(int dirfd, const char *name);
/* st: of the name. */
bool whiteout_is(int dirfd, const char *name, const struct stat *st);
/* Are those in the directory files? */
bool whiteout_is_file_in(int dirfd);
