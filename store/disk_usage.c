/* SPDX-License-Identifier: Apache-2.0 */
#include "store/disk_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/xattr.h"

#define OPEN_MAX 32 /* directories at a time */
#define BLOCK 512 /* st_blocks, whatever the file system's own is */

struct level {
	char *name;
	DIR *dir; /* NULL: it is far up */
	long at; /* where it was left */
	dev_t dev;
	ino_t ino;
};

struct walk {
	int top;
	unsigned each;
	ino_t *seen; /* of files with several names, a table by hash; 0: free */
	size_t n, cap;
	struct level *levels;
	size_t depth, room;
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

/* --- the walk: as deep as somebody made it --- */

/* NULL: it is none, or (known) another one than it was. */
static DIR *open_level(int at, const char *name, struct level *l, bool known)
{
	struct stat st;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool ok = fd >= 0 && fstat(fd, &st) == 0 &&
	          (!known || (st.st_dev == l->dev && st.st_ino == l->ino));
	DIR *dir = ok ? fdopendir(fd) : NULL;
	if (dir) {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	} else if (fd >= 0) {
		close(fd);
	}
	return dir;
}

/* What lies further up is opened again on the way back, as what is below it has it for "..". */
static void enter(struct walk *w, int at, const char *name)
{
	struct level l = {0};
	l.dir = open_level(at, name, &l, false);
	if (!l.dir)
		return;
	l.name = xstrdup(name);
	if (w->depth == w->room) {
		w->room = w->room ? 2 * w->room : 2 * OPEN_MAX;
		w->levels = xreallocarray(w->levels, w->room, sizeof(*w->levels));
	}
	w->levels[w->depth++] = l;
	struct level *far = w->depth > OPEN_MAX ? &w->levels[w->depth - 1 - OPEN_MAX] : NULL;
	if (far && far->dir) {
		far->at = telldir(far->dir);
		closedir(take(far->dir));
	}
}

static void drop_level(struct walk *w)
{
	struct level *l = &w->levels[--w->depth];
	if (l->dir)
		closedir(l->dir);
	free(l->name);
}

/* Somebody has moved what we come from: from the top to where all is as it was. */
static DIR *find_again(struct walk *w)
{
	DIR *dir = NULL;
	size_t depth = 0;
	while (depth < w->depth) {
		struct level *l = &w->levels[depth];
		DIR *next = open_level(dir ? dirfd(dir) : w->top, l->name, l, true);
		if (!next)
			break;
		if (dir)
			closedir(dir);
		dir = next;
		depth++;
	}
	while (w->depth > depth)
		drop_level(w);
	return dir;
}

static void leave(struct walk *w)
{
	struct level left = w->levels[--w->depth];
	struct level *up = w->depth ? &w->levels[w->depth - 1] : NULL;
	DIR *dir = NULL;
	if (up && !up->dir && !(dir = open_level(dirfd(left.dir), "..", up, true)))
		dir = find_again(w);
	if (dir) {
		up = &w->levels[w->depth - 1];
		up->dir = dir;
		seekdir(dir, up->at);
	}
	closedir(left.dir);
	free(left.name);
}

static uint64_t count(struct walk *w, int at, const char *name)
{
	struct stat st;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	uint64_t bytes = w->each;
	if (!is_counted(w, &st))
		bytes += bytes_of(&st) + (w->each ? xattrs_size(at, name) : 0);
	if (S_ISDIR(st.st_mode))
		enter(w, at, name);
	return bytes;
}

static uint64_t walk(struct walk *w, const char *path)
{
	uint64_t sum = count(w, w->top, path);
	while (w->depth) {
		DIR *dir = w->levels[w->depth - 1].dir;
		struct dirent *e = readdir(dir);
		if (!e)
			leave(w);
		else if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			sum += count(w, dirfd(dir), e->d_name);
	}
	free(w->levels);
	return sum;
}

uint64_t disk_usage(int dirfd, const char *path)
{
	return disk_usage_each(dirfd, path, 0);
}

uint64_t disk_usage_each(int dirfd, const char *path, unsigned each)
{
	struct walk w = {.top = dirfd, .each = each};
	uint64_t sum = walk(&w, path);
	free(w.seen);
	return sum;
}

uint64_t disk_usage_own(int dirfd, const char *path)
{
	struct stat st;
	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : bytes_of(&st);
}
