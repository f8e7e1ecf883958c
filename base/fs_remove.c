/* SPDX-License-Identifier: Apache-2.0 */
/* Trees that go, whatever is in them. */
#include "base/fs.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/tmp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Removal descends by descriptor. The tree may be hostile: deeper than we may open descriptors. So
 * what lies deeper than REMOVE_DEPTH is moved up to the top of the tree, which is then looked
 * through again. Where the file system does not move it, the descent goes on.
 */
#define REMOVE_DEPTH 16
#define REMOVE_DEPTH_MAX 4096 /* of the stack, where nothing can be moved */
#define LOOK_EACH 64 /* entries: fewer are never left for want of time */

struct removal {
	dev_t dev;
	int top; /* borrowed */
	uint64_t until_ms; /* 0: for as long as it takes */
	uint64_t removed; /* entries */
	bool moved; /* something came up since the top was last looked through */
};

static int remove_dir_content(struct removal *rm, int fd, unsigned depth, struct err *err);

static bool move_to_top(struct removal *rm, int dirfd, const char *name)
{
	char fresh[32] = ".removed-";
	size_t n = strlen(fresh);
	tmp_random_name(fresh + n, sizeof(fresh) - 1 - n);
	if (renameat(dirfd, name, rm->top, fresh) < 0)
		return false;
	rm->moved = true;
	return true;
}

/* Opened, and made fit to be emptied. */
static int open_to_remove(
	const struct removal *rm, int dirfd, const char *name, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open '%s' to remove it", name);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot stat '%s'", name);
	if (st.st_dev != rm->dev)
		return err_set(
			err, ERR_BUSY, "cannot remove '%s': something is mounted there", name);
	if ((st.st_mode & 0700) != 0700)
		(void)fchmod(fd, 0700); /* what goes wrong shows below */
	*ret_fd = take_fd(&fd);
	return 0;
}

/* type: what it was when the directory was read */
static int remove_entry(struct removal *rm, int dirfd, const char *name, unsigned char type,
	unsigned depth, struct err *err)
{
	AUTO_FD int fd = -1;
	if (type != DT_DIR && (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT))
		return 0;
	if (type != DT_DIR && errno != EISDIR && errno != EPERM && errno != EACCES)
		return err_sys(err, "cannot remove '%s'", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES)
		return err_sys(err, "cannot remove '%s'", name);
	if (depth > REMOVE_DEPTH_MAX)
		return err_set(err, ERR_LIMIT,
			"cannot remove '%s': nested more than %d levels deep", name,
			REMOVE_DEPTH_MAX);
	if (open_to_remove(rm, dirfd, name, &fd, err) < 0)
		return err->code;
	if (depth >= REMOVE_DEPTH && move_to_top(rm, dirfd, name))
		return 0;
	if (depth == 0)
		rm->top = fd;
	do {
		if (depth == 0)
			rm->moved = false;
		if (remove_dir_content(rm, fd, depth + 1, err) < 0)
			return err_wrap(err, "%s", name);
	} while (depth == 0 && rm->moved);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "cannot remove '%s'", name);
	return 0;
}

static int remove_dir_content(struct removal *rm, int fd, unsigned depth, struct err *err)
{
	/* the stream gets a descriptor of its own, fd stays the caller's */
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	if (!dir) {
		if (own >= 0)
			close(own);
		return err_sys(err, "cannot read a directory to remove it");
	}
	int rc = 0;
	for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		rc = remove_entry(rm, fd, e->d_name, e->d_type, depth, err);
		if (rc == 0 && ++rm->removed % LOOK_EACH == 0 && rm->until_ms &&
			clock_ms() >= rm->until_ms)
			rc = err_set(err, ERR_BUSY, "it takes too long to remove all of it");
	}
	closedir(dir);
	return rc;
}

int fs_remove_tree(int dirfd, const char *path, struct err *err)
{
	return fs_remove_tree_until(dirfd, path, 0, err);
}

int fs_remove_tree_until(int dirfd, const char *path, uint64_t until_ms, struct err *err)
{
	struct stat st;
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, "cannot stat '%s'", path);
	}
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(dirfd, path, 0) < 0 && errno != ENOENT)
			return err_sys(err, "cannot remove '%s'", path);
		return 0;
	}
	struct removal rm = {.dev = st.st_dev, .top = -1, .until_ms = until_ms};
	return remove_entry(&rm, dirfd, path, DT_DIR, 0, err);
}
