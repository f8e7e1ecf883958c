/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/tmp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BUF (256 * KIB)

ssize_t fs_read_upto(int fd, void *data, size_t n)
{
	size_t have = 0;
	while (have < n) {
		ssize_t r = read(fd, (char *)data + have, n - have);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		have += (size_t)r;
	}
	return (ssize_t)have;
}

int fs_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int fs_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (renameat(from_dir, from, to_dir, to) == 0)
		return 0;
	if (errno == ENOTEMPTY || errno == ENOTDIR)
		errno = EEXIST;
	return -1;
}

int fs_read_fd(
	int fd, const char *name, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
	struct stat st;
	size_t cap = 4096, size = 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if ((uint64_t)st.st_size > max)
			return err_set(err, ERR_LIMIT, "'%s' is larger than %zu bytes", name, max);
		size = (size_t)st.st_size;
		if (size) /* those of /proc say 0 */
			cap = size + 1;
	}
	AUTO_FREE char *data = xmalloc(cap + 1);
	size_t len = 0;
	for (;;) {
		ssize_t r = read(fd, data + len, cap - len);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(err, "cannot read '%s'", name);
		len += (size_t)r;
		if (len > max)
			return err_set(err, ERR_LIMIT, "'%s' is larger than %zu bytes", name, max);
		/* with room for more, the size of a file is its end */
		if (r == 0 || (size && len == size))
			break;
		if (len < cap)
			continue;
		cap *= 2;
		data = xreallocarray(take(data), cap + 1, 1);
	}
	data[len] = '\0';
	*ret_data = take(data);
	if (ret_len)
		*ret_len = len;
	return 0;
}

static int cannot_open(const char *path, struct err *err)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return err_set(err, ERR_NOT_FOUND, "cannot open '%s': %s", path,
			err_text(errno, (char[ERR_TEXT_MAX]){0}));
	return err_sys(err, "cannot open '%s'", path);
}

int fs_read_file(
	int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? cannot_open(path, err) : fs_read_fd(fd, path, max, ret_data, ret_len, err);
}

int fs_open_plain(int dirfd, const char *path, int flags, mode_t mode)
{
	struct stat st;
	AUTO_FD int fd =
		openat(dirfd, path, flags | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, mode);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : ENXIO;
		return -1;
	}
	return take_fd(&fd);
}

int fs_read_plain(
	int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
	AUTO_FD int fd = fs_open_plain(dirfd, path, O_RDONLY, 0);
	return fd < 0 ? cannot_open(path, err) : fs_read_fd(fd, path, max, ret_data, ret_len, err);
}

int fs_write_file(int dirfd, const char *path, const void *data, size_t n, mode_t mode,
	bool durable, struct err *err)
{
	AUTO_FREE char *dir = path_dir(path);
	AUTO_FD int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open the directory of '%s'", path);
	AUTO_TMP struct tmp t = TMP_INIT;
	if (tmp_open(&t, fd, mode, err) < 0)
		return err->code;
	if (fs_write_all(t.fd, data, n) < 0)
		return err_sys(err, "cannot write '%s'", path);
	return tmp_publish(&t, fd, path_base(path), durable, err);
}

/* Where copy_file_range(2) cannot copy between these two files, or is not there at all. */
static bool kernel_refuses(int error)
{
	return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS ||
	       error == EPERM;
}

static ssize_t copy_by_hand(int src, int dst, off_t from, size_t n, char *buf)
{
	ssize_t got;
	do
		got = pread(src, buf, n, from);
	while (got < 0 && errno == EINTR);
	for (ssize_t done = 0; done < got;) {
		ssize_t w = pwrite(dst, buf + done, (size_t)(got - done), from + done);
		if (w < 0 && errno != EINTR)
			return -1;
		done += w < 0 ? 0 : w;
	}
	return got;
}

/* A file that became shorter meanwhile ends early. */
static int copy_range(int src, int dst, off_t from, off_t to)
{
	AUTO_FREE char *buf = NULL;
	while (from < to) {
		size_t want = (size_t)(to - from);
		off_t in = from, out = from;
		ssize_t n =
			buf ? copy_by_hand(src, dst, from, want < COPY_BUF ? want : COPY_BUF, buf)
			    : copy_file_range(src, &in, dst, &out, want, 0);
		if (n == 0)
			return 0;
		if (n > 0)
			from += n;
		else if (!buf && kernel_refuses(errno))
			buf = xmalloc(COPY_BUF);
		else if (buf || errno != EINTR)
			return -1;
	}
	return 0;
}

int fs_copy_data(int src, int dst, uint64_t size)
{
	if (size == 0)
		return 0;
	/* small files: the probing costs more than the copy */
	if (size <= 64 * KIB) {
		char buf[64 * KIB];
		ssize_t n = fs_read_upto(src, buf, sizeof(buf));
		return n < 0 ? -1 : fs_write_all(dst, buf, (size_t)n);
	}
	if (ioctl(dst, FICLONE, src) == 0)
		return 0;
	if (ftruncate(dst, (off_t)size) < 0)
		return -1;
	off_t end = (off_t)size;
	for (off_t at = 0; at < end;) {
		off_t data = lseek(src, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			return copy_range(src, dst, at, end);
		off_t hole = lseek(src, data, SEEK_HOLE);
		if (hole < 0 || hole > end)
			hole = end;
		if (copy_range(src, dst, data, hole) < 0)
			return -1;
		at = hole;
	}
	return 0;
}

/*
 * Removal descends by descriptor. The tree may be hostile: deeper than we may open descriptors. So
 * what lies deeper than REMOVE_DEPTH is moved up to the top of the tree, which is then looked
 * through again. Where the file system does not move it, the descent goes on.
 */
#define REMOVE_DEPTH 16
#define REMOVE_DEPTH_MAX 4096 /* of the stack, where nothing can be moved */

struct removal {
	dev_t dev;
	int top; /* borrowed */
	uint64_t until_ms; /* 0: for as long as it takes */
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

static int remove_entry(
	struct removal *rm, int dirfd, const char *name, unsigned depth, struct err *err)
{
	AUTO_FD int fd = -1;
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM && errno != EACCES)
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
		rc = remove_entry(rm, fd, e->d_name, depth, err);
		if (rc == 0 && rm->until_ms && clock_ms() >= rm->until_ms)
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
	return remove_entry(&rm, dirfd, path, 0, err);
}

int fs_mkdir_p(const char *path, mode_t mode, struct err *err)
{
	if (mkdir(path, mode) == 0)
		return 0;
	if (errno == EEXIST) {
		struct stat st;
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	} else if (errno == ENOENT) {
		AUTO_FREE char *dir = path_dir(path);
		if (!streq(dir, path) && !streq(dir, ".")) {
			if (fs_mkdir_p(dir, mode, err) < 0)
				return err->code;
			if (mkdir(path, mode) == 0 || errno == EEXIST)
				return 0;
		}
	}
	return err_sys(err, "cannot make the directory '%s'", path);
}

int fs_check_dir(const char *path, struct err *err)
{
	struct stat st;
	AUTO_FREE char *dir = xstrdup(path);
	while (stat(dir, &st) < 0) {
		if ((errno != ENOENT && errno != ENOTDIR) || streq(dir, "/") || streq(dir, "."))
			return err_sys(err, "cannot make the directory '%s'", path);
		mem_replace(&dir, path_dir(dir));
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is not a directory", dir);
	AUTO_FREE char *probe = xasprintf("%s/.mica-XXXXXX", dir);
	if (!mkdtemp(probe))
		return err_sys(err, "cannot write to '%s'", dir);
	if (rmdir(probe) < 0)
		return err_sys(err, "cannot remove '%s'", probe);
	return 0;
}

bool fs_root_is_mount(void)
{
	struct statx st;
	return statx(AT_FDCWD, "/", AT_NO_AUTOMOUNT, STATX_MODE, &st) < 0 ||
	       !(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	       st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}
