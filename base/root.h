/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files below a directory that cannot be escaped. `rootfd` is the root of a tree that somebody else
 * controls (an image, a build context). Paths are taken relative to it whether they start with '/'
 * or not; symbolic links and ".." are resolved inside it, as after a chroot: openat2(2) with
 * RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS. Where openat2 is missing (ENOSYS, or EPERM from an old
 * seccomp filter) the path is walked component by component. Only these functions may open a path
 * that comes from an image, a layer, a Containerfile or a context.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct err;

/* A descriptor (O_CLOEXEC added) or -1 with errno; flags as for open(2). */
int root_open(int rootfd, const char *path, int flags, mode_t mode);
/* As root_open, but the last component is not followed (O_NOFOLLOW) and the parent is resolved in
 * the root. */
int root_open_nofollow(int rootfd, const char *path, int flags, mode_t mode);
/* O_PATH descriptor of the directory that holds the last component of path, and that component
 * (borrowed from path; ".." and "." are refused with EINVAL, "" is the root itself). -1 with errno.
 */
int root_open_parent(int rootfd, const char *path, const char **ret_name);
/* stat / lstat in the root: 0 or -1 with errno */
int root_stat(int rootfd, const char *path, struct stat *st);
int root_lstat(int rootfd, const char *path, struct stat *st);
/* Makes the directory and its parents (mode, then chowned to uid:gid for those it created unless
 * -1). *ret_fd, when not NULL, is an O_RDONLY|O_DIRECTORY descriptor of it. A dangling symlink on
 * the way is an error (EEXIST); root_resolve() first for one that is to be followed. 0 or -1 with
 * errno. */
int root_mkdir_p(int rootfd, const char *path, mode_t mode, uid_t uid, gid_t gid, int *ret_fd);
/* The path relative to the root with all links resolved ("" for the root itself), the last
 * component too. New string or NULL with errno. A path whose tail does not exist gives ENOENT. */
char *root_realpath(int rootfd, const char *path);
/*
 * The place that a path names for who would create it: links followed inside the root, also the
 * last component and also into nothing. New string, clean and relative; NULL with errno (ELOOP).
 */
char *root_resolve(int rootfd, const char *path);
/* A regular file up to max bytes, never blocking on a FIFO or device: ERR_INVALID for these,
 * ERR_LIMIT above max, ERR_NOT_FOUND. *ret_data NUL-terminated, the caller frees it. */
int root_read_file(int rootfd, const char *path, size_t max, char **ret_data, size_t *ret_len,
	struct err *err) __attribute__((warn_unused_result));
/* for the tests: pretend that openat2 does not exist */
void root_disable_openat2(bool disable);
