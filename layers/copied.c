/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/copied.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/xattr.h"
#include "layers/settle_internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX (512 * MIB)

void copied_done(struct copied *c)
{
	free(c->marks);
}

static uint64_t fold(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

int copied_mark(int dirfd, const char *name, const char *path, uint64_t *ret, struct err *err)
{
	struct statx x;
	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &x) < 0)
		return err_sys(err, "cannot stat '%s'", path);
	uint64_t h = fold(0xcbf29ce484222325u, path, strlen(path));
	h = fold(h, &x.stx_ino, sizeof(x.stx_ino));
	if (x.stx_mask & STATX_BTIME) {
		h = fold(h, &x.stx_btime.tv_sec, sizeof(x.stx_btime.tv_sec));
		h = fold(h, &x.stx_btime.tv_nsec, sizeof(x.stx_btime.tv_nsec));
	}
	*ret = h;
	return 0;
}

static int cmp_marks(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
	return a < b ? -1 : a > b;
}

void copied_add(struct copied *c, uint64_t mark)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 1024;
		c->marks = xreallocarray(c->marks, c->cap, sizeof(*c->marks));
	}
	c->marks[c->n++] = mark;
}

bool copied_has(const struct copied *c, uint64_t mark)
{
	return c->n && bsearch(&mark, c->marks, c->n, sizeof(mark), cmp_marks);
}

/* The time that the file system gives to what changes now. */
static int time_now(int work, struct timespec *ret, struct err *err)
{
	struct stat st;
	AUTO_FD int fd = openat(work, COPIED_RECORD ".time", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0 || unlinkat(work, COPIED_RECORD ".time", 0) < 0)
		return err_sys(err, "cannot make a file in the work directory");
	*ret = st.st_ctim;
	return 0;
}

int copied_write(int work, struct copied *c, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(RECORD_MAX);
	struct timespec last;
	/* the clock of files goes in ticks: the next one, so that the copies are all before it */
	if (time_now(work, &last, err) < 0)
		return err->code;
	do {
		const struct timespec a_little = {.tv_nsec = 500000};
		(void)nanosleep(&a_little, NULL);
		if (time_now(work, &c->over, err) < 0)
			return err->code;
	} while (!settle_before(last, c->over));
	if (c->n > 1)
		qsort(c->marks, c->n, sizeof(*c->marks), cmp_marks);
	buf_add(&b, &c->over, sizeof(c->over));
	buf_add(&b, c->marks, c->n * sizeof(*c->marks));
	if (b.toobig)
		return err_set(err, ERR_LIMIT, "too many files to copy");
	return fs_write_file(work, COPIED_RECORD, b.data, b.len, 0600, false, err);
}

int copied_read(int work, struct copied *ret, struct err *err)
{
	AUTO_FREE char *data = NULL;
	size_t len;
	int r = fs_read_file(work, COPIED_RECORD, RECORD_MAX, &data, &len, err);
	if (r < 0)
		return r;
	if (len < sizeof(ret->over))
		return err_set(err, ERR_CORRUPT, "the record of a copied snapshot is too short");
	memcpy(&ret->over, data, sizeof(ret->over));
	ret->n = (len - sizeof(ret->over)) / sizeof(*ret->marks);
	ret->marks = xmemdup(data + sizeof(ret->over), ret->n * sizeof(*ret->marks));
	return 0;
}

/* In the order in which none undoes another. */
int copied_attributes(int fd, const struct stat *st, int source, const char *path, struct err *err)
{
	AUTO_XATTRS struct xattrs x = {0};
	const struct timespec times[2] = {st->st_mtim, st->st_mtim};
	if (owner_set(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 07777) < 0)
		return err_sys(err, "cannot copy owner and mode of '%s'", path);
	if (xattrs_read(source, "", &x, err) < 0)
		return err_wrap(err, "'%s'", path);
	for (size_t i = 0; i < x.n; i++)
		if (xattr_set(fd, "", &x.x[i], err) < 0)
			return err_wrap(err, "'%s'", path);
	if (futimens(fd, times) < 0)
		return err_sys(err, "cannot set the time of '%s'", path);
	return 0;
}

int copied_path_push(struct buf *path, const char *name, struct err *err)
{
	if (path->len)
		buf_addch(path, '/');
	buf_addstr(path, name);
	return path->toobig ? err_set(err, ERR_LIMIT, "a path is longer than %d bytes", PATH_MAX)
	                    : 0;
}
