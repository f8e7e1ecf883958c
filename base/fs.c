/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/tmp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

int fs_open_regular(int dirfd, const char *name)
{
	char path[32];
	struct stat st;
	AUTO_FD int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = ENXIO;
		return -1;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
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
