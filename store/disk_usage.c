/* SPDX-License-Identifier: Apache-2.0 */
#include "store/disk_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define DEPTH_MAX 4096
#define BLOCK 512 /* st_blocks, whatever the file system's own is */

static uint64_t own_size(const struct stat *st)
{
	uint64_t bytes = (uint64_t)st->st_blocks * BLOCK;
	return S_ISDIR(st->st_mode) || st->st_nlink < 2 ? bytes : bytes / st->st_nlink;
}

static uint64_t walk(int dirfd, const char *path, unsigned each, unsigned depth)
{
	struct stat st;
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	uint64_t sum = own_size(&st) + each;
	if (!S_ISDIR(st.st_mode) || depth > DEPTH_MAX)
		return sum;
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return sum;
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			sum += walk(fd, e->d_name, each, depth + 1);
	closedir(dir);
	return sum;
}

uint64_t disk_usage(int dirfd, const char *path)
{
	return walk(dirfd, path, 0, 0);
}

uint64_t disk_usage_each(int dirfd, const char *path, unsigned each)
{
	return walk(dirfd, path, each, 0);
}

uint64_t disk_usage_own(int dirfd, const char *path)
{
	struct stat st;
	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : own_size(&st);
}
