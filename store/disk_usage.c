/* SPDX-License-Identifier: Apache-2.0 */
#include "store/disk_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define DEPTH_MAX 4096
#define BLOCK 512 /* st_blocks, whatever the file system's own is */

struct walk {
	unsigned each;
	ino_t *seen; /* of files with several names, a table by hash; 0: free */
	size_t n, cap;
};

static uint64_t bytes_of(const struct stat *st)
{
	return (uint64_t)st->st_blocks * BLOCK;
}

static size_t slot_of(const ino_t *table, size_t cap, ino_t ino)
{
	size_t i = (size_t)(ino * 0x9e3779b97f4a7c15) & (cap - 1);
	while (table[i] && table[i] != ino)
		i = (i + 1) & (cap - 1);
	return i;
}

static void grow(struct walk *w)
{
	size_t cap = w->cap ? 2 * w->cap : 64;
	ino_t *table = xcalloc(cap, sizeof(*table));
	for (size_t i = 0; i < w->cap; i++)
		if (w->seen[i])
			table[slot_of(table, cap, w->seen[i])] = w->seen[i];
	free(w->seen);
	w->seen = table;
	w->cap = cap;
}

/* A file with several names counts by the first that is met: others may be outside. */
static bool is_counted(struct walk *w, const struct stat *st)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return false;
	if (2 * w->n >= w->cap)
		grow(w);
	ino_t *slot = &w->seen[slot_of(w->seen, w->cap, st->st_ino)];
	bool counted = *slot != 0;
	w->n += !counted;
	*slot = st->st_ino;
	return counted;
}

static uint64_t walk(struct walk *w, int dirfd, const char *path, unsigned depth)
{
	struct stat st;
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	uint64_t sum = w->each + (is_counted(w, &st) ? 0 : bytes_of(&st));
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
			sum += walk(w, fd, e->d_name, depth + 1);
	closedir(dir);
	return sum;
}

uint64_t disk_usage(int dirfd, const char *path)
{
	return disk_usage_each(dirfd, path, 0);
}

uint64_t disk_usage_each(int dirfd, const char *path, unsigned each)
{
	struct walk w = {.each = each};
	uint64_t sum = walk(&w, dirfd, path, 0);
	free(w.seen);
	return sum;
}

uint64_t disk_usage_own(int dirfd, const char *path)
{
	struct stat st;
	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : bytes_of(&st);
}
