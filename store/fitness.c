/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a file system can hold what images are made of, found out when a store is made. What it
 * refuses would be told by the first file that needs it. What it takes and does not keep (modes on
 * NTFS and FAT, owners on a mount that squashes them, names that differ in case alone) would be
 * told by nobody: images would be wrong, and look right.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/tmp.h"
#include "store/store_internal.h"

#define RANDOM_LEN 16
#define FILE_MODE 04751
#define DIR_MODE 01750
#define OTHER_UID 1
#define OTHER_GID 2

static bool has_mode(int fd, mode_t mode)
{
	struct stat st;
	return fchmod(fd, mode) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == mode;
}

/* Where they cannot be set there is an error when they are. */
static bool keeps_owners(int fd)
{
	struct stat st;
	return owner_set(fd, OTHER_UID, OTHER_GID) < 0 || owner_stat(fd, &st) < 0 ||
	       (st.st_uid == OTHER_UID && st.st_gid == OTHER_GID);
}

/* What it does not keep, or NULL. */
static const char *find_fault(int dir)
{
	struct stat st;
	AUTO_FD int fd = openat(dir, "a", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return NULL; /* for want of room, for example: what comes next will tell */
	if (!keeps_owners(fd))
		return "the owners of files";
	if (!has_mode(fd, FILE_MODE) || !has_mode(dir, DIR_MODE))
		return "the modes of files";
	if (fstatat(dir, "A", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return "names that differ in case alone";
	if (symlinkat("a", dir, "s") < 0 && errno != ENOSPC && errno != EDQUOT)
		return "symbolic links";
	if (linkat(dir, "a", dir, "h", 0) < 0 && errno != ENOSPC && errno != EDQUOT)
		return "hard links";
	return NULL;
}

int store_check_fitness(int fd, const char *path, struct err *err)
{
	char name[sizeof(".probe-") + RANDOM_LEN] = ".probe-";
	struct err ignored = ERR_INIT;
	tmp_random_name(name + sizeof(".probe-") - 1, RANDOM_LEN);
	if (mkdirat(fd, name, 0700) < 0)
		return err_sys(err, "cannot make a directory in '%s'", path);
	AUTO_FD int dir = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const char *fault = dir < 0 ? NULL : find_fault(dir);
	if (fs_remove_tree(fd, name, &ignored) < 0)
		return err_set(err, ignored.code, "%s", ignored.msg);
	if (!fault)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		"the file system of '%s' does not keep %s, which images have: use a store "
		"elsewhere (--root)",
		path, fault);
}
