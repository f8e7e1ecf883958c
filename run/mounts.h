/* SPDX-License-Identifier: Apache-2.0 */
/* The root and all that is mounted in it, by descriptors alone. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct box;
struct err;

/* --- shm.c --- */
#define SHM_CONTEXTS 16 /* of one user namespace; what is left waits for the next ones */
/* A detached tmpfs for /dev/shm, where no device can be opened; size 0: the default. To be called
 * by the caller's side: user namespaces cannot be made below a root that is mounted over. -1 and
 * errno on failure. */
int shm_new(uint64_t size);

/* --- target.c --- */
enum target_flags {
	TARGET_FILE = 1 << 0, /* a regular file is wanted, else a directory */
	TARGET_KEEP = 1 << 1, /* what is made stays in the image (/proc, /sys, /dev) */
};
/* An O_PATH descriptor of path inside the root, all links resolved in it; made when missing. */
int target_open(const struct box *b, const char *path, unsigned flags, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));

/* --- mounts.c --- */
/* A new file system as a detached mount. options: "key=value" or "flag", NULL-terminated. attrs:
 * MOUNT_ATTR_*. A descriptor or -1 with errno. */
int mount_new(const char *type, const char *const *options, unsigned attrs);
/* The same of a context that fsopen(2) has made. */
int mount_of_context(int fs, const char *source, const char *const *options, unsigned attrs);
/* Moves the detached mount onto target, with attrs set on it first. 0 or -1 with errno. */
int mount_attach(int mnt, int target, uint64_t attrs, bool recursive);
/* A clone of what fd is, onto target. 0 or -1 with errno. */
int mount_bind_fd(int fd, int target, uint64_t attrs);
/* A new file system on path in the root. *ret_fd: its root directory. */
int mount_at(const struct box *b, const char *path, const char *type, const char *const *options,
	unsigned attrs, int *ret_fd, struct err *err) __attribute__((warn_unused_result));
/* A directory becomes empty and read-only, a file /dev/null. *empty: the caller's, -1 at first. */
int mount_hide(const struct box *b, int target, const char *name, int *empty, struct err *err)
	__attribute__((warn_unused_result));
#define ATTR_QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* --- mounts_kernel.c, mounts_dev.c, mounts_user.c --- */
/* /proc, /sys and /dev */
int mounts_kernel(struct box *b, struct err *err) __attribute__((warn_unused_result));
int mounts_dev(struct box *b, struct err *err) __attribute__((warn_unused_result));
/* A device of the host, known by its number and not by its name (CVE-2025-31133). *ret_fd:
 * O_PATH. */
int device_open(const char *name, unsigned major_nr, unsigned minor_nr, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));
/* What /dev calls the device that fd is, if everybody's /dev has it; NULL: none of those, or a
 * terminal. */
const char *device_usual(int fd);
/* Has the directory all of those, and do they open? */
bool device_all(int dev);
int mounts_user(struct box *b, struct err *err) __attribute__((warn_unused_result));

/* --- mounts_files.c --- */
/* What source shows, and all below it, becomes the workload's. target: for messages. */
int mount_give(const struct box *b, int source, const char *target, struct err *err)
	__attribute__((warn_unused_result));
/* Files, directories and links in the directory `from` are copied to the root of the tmpfs `to`,
 * which takes its owner and, unless keep_mode, its mode. */
int mount_copy_up(int from, int to, const char *target, bool keep_mode, struct err *err)
	__attribute__((warn_unused_result));

/* --- etc_files.c --- */
#define ETC_FILE_MAX (256 * KIB)
#define ETC_FILES_MAX 4
struct etc_file {
	const char *path;
	struct buf text; /* its limit is ETC_FILE_MAX */
};
/* Those that are not to be the image's own: *ret_n in ret, whose texts are the caller's. */
int etc_contents(const struct box *b, struct etc_file ret[ETC_FILES_MAX], size_t *ret_n,
	struct err *err) __attribute__((warn_unused_result));
void etc_contents_done(struct etc_file files[ETC_FILES_MAX], size_t n);
int etc_files(const struct box *b, struct err *err) __attribute__((warn_unused_result));

/* --- rootfs.c --- */
int rootfs_attach(const struct box *b, struct err *err) __attribute__((warn_unused_result));
int rootfs_pivot(const struct box *b, struct err *err) __attribute__((warn_unused_result));
/* Changes to the working directory, which is made when missing. */
int rootfs_chdir(const struct box *b, struct err *err) __attribute__((warn_unused_result));
