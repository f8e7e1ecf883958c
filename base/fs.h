/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files and whole trees, by descriptor, in places that are ours (see base/root.h for places
 * that are not). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct stat;

/* *ret_data is NUL-terminated and the caller's. ERR_NOT_FOUND, ERR_LIMIT above max. dirfd may be
 * AT_FDCWD. */
int fs_read_file(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len,
	struct err *err) __attribute__((warn_unused_result));
/* For places where only regular files of ours belong: neither a link nor what would be waited for,
 * such as a pipe, is opened. mode: for O_CREAT. -1 with errno: ELOOP, EISDIR, ENXIO. */
int fs_open_plain(int dirfd, const char *path, int flags, mode_t mode);
/* For reading, in places where others may exchange what is there at any time: nothing but a regular
 * file is opened, no device even for a moment. -1 with errno: ENXIO. Needs /proc. */
int fs_open_regular(int dirfd, const char *name);
/* fs_read_file() by fs_open_plain(). */
int fs_read_plain(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len,
	struct err *err) __attribute__((warn_unused_result));
/* The rest of an open descriptor, as above. */
int fs_read_fd(int fd, const char *name, size_t max, char **ret_data, size_t *ret_len,
	struct err *err) __attribute__((warn_unused_result));
/* A temporary file and a rename; fsync of file and directory when durable. */
int fs_write_file(int dirfd, const char *path, const void *data, size_t n, mode_t mode,
	bool durable, struct err *err) __attribute__((warn_unused_result));
/* In fs_output.c: the file that path names when the links that stand in its place are followed,
 * also into nothing. New string. */
char *fs_follow(const char *path);
/* fs_write_file() for a path that the user gave: a link stays, what it names is replaced; what is
 * there and no regular file, such as a device or a pipe, or is our standard output, is written to
 * and not replaced. */
int fs_write_output(const char *path, const void *data, size_t n, mode_t mode, bool durable,
	struct err *err) __attribute__((warn_unused_result));
/* The descriptor of the output of ours that the file is, as /dev/stdout is, or -1: what it has got
 * already is not taken back, and what it gets later follows. */
int fs_own_output(const struct stat *st);
/* Whether fs_write_output() is likely to do it, asked before the work is done. */
int fs_check_output(const char *path, struct err *err) __attribute__((warn_unused_result));
/* Removes the file that it would replace, as it tells of something older; missing is no error. */
int fs_forget_output(const char *path, struct err *err) __attribute__((warn_unused_result));
/* Renames a directory where nothing is: -1 with EEXIST where something is. Where the file system
 * does not know RENAME_NOREPLACE (most of FUSE's) it may replace an empty directory. */
int fs_rename_new(int from_dir, const char *from, int to_dir, const char *to);
/* Full write, restarted. 0 or -1 with errno. */
int fs_write_all(int fd, const void *data, size_t n);
/* Full pread/read up to n or the end: the number of bytes, or -1 with errno. */
ssize_t fs_read_upto(int fd, void *data, size_t n);
/* Copies all of src to dst (both at their start): reflink, else holes kept and copy_file_range,
 * else read and write. 0 or -1 with errno. */
int fs_copy_data(int src, int dst, uint64_t size);
/* Removes path and all below it, not following links, not crossing into a mount. Missing is no
 * error. Directories without w/x for the owner are opened up first. Any depth, with few
 * descriptors. */
int fs_remove_tree(int dirfd, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* The same up to a moment (clock_ms): ERR_BUSY, something is left. Some dozen entries always go. */
int fs_remove_tree_until(int dirfd, const char *path, uint64_t until_ms, struct err *err)
	__attribute__((warn_unused_result));
/* mkdir -p of a path of ours; 0 or ERR_SYS */
int fs_mkdir_p(const char *path, mode_t mode, struct err *err) __attribute__((warn_unused_result));
/* Whether path is a directory of ours that can be written to, or can be made: tried, since neither
 * permissions nor mount flags tell of every file system. ERR_SYS; ERR_INVALID: not a directory. */
int fs_check_dir(const char *path, struct err *err) __attribute__((warn_unused_result));

/* False in a plain chroot, whose root is no mount of its own: what is mounted in a namespace made
 * there cannot be hidden from where it came from. Linux before 5.8 does not say: true. */
bool fs_root_is_mount(void);
