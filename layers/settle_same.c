/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xattr.h"
#include "layers/settle_internal.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static bool same_stat(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		return false;
	/* a name that came and went in a directory is no change of it: so the other builders see
	 * it, and so it does not matter who else used the directory */
	if (S_ISDIR(a->st_mode))
		return true;
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
		return false;
	if (S_ISREG(a->st_mode) || S_ISLNK(a->st_mode))
		return a->st_size == b->st_size;
	return a->st_rdev == b->st_rdev;
}

static int same_link(int afd, int bfd, const char *name, bool *ret, struct err *err)
{
	char a[PATH_MAX], b[PATH_MAX];
	ssize_t na = readlinkat(afd, name, a, sizeof(a)), nb = readlinkat(bfd, name, b, sizeof(b));
	if (na < 0 || nb < 0)
		return err_sys(err, "cannot read link '%s'", name);
	*ret = na == nb && memcmp(a, b, (size_t)na) == 0;
	return 0;
}

static int same_xattrs(int afd, int bfd, const char *name, bool *ret, struct err *err)
{
	AUTO_XATTRS struct xattrs a = {0}, b = {0};
	if (xattrs_read(afd, "", &a, err) < 0 || xattrs_read(bfd, "", &b, err) < 0)
		return err_wrap(err, "'%s'", name);
	*ret = a.n == b.n;
	for (size_t i = 0; *ret && i < a.n; i++)
		*ret = streq(a.x[i].name, b.x[i].name) && a.x[i].len == b.x[i].len &&
		       memcmp(a.x[i].value, b.x[i].value, a.x[i].len) == 0;
	return 0;
}

static int same_content(int a, int b, const char *name, bool *ret, struct err *err)
{
	enum { BLOCK = 64 * 1024 };
	AUTO_FREE char *buf = xmalloc(2 * (size_t)BLOCK);
	for (off_t at = 0;; at += BLOCK) {
		ssize_t na = pread(a, buf, BLOCK, at), nb = pread(b, buf + BLOCK, BLOCK, at);
		if (na < 0 || nb < 0)
			return err_sys(err, "cannot read '%s'", name);
		*ret = na == nb && memcmp(buf, buf + BLOCK, (size_t)na) == 0;
		if (!*ret || na < BLOCK)
			return 0;
	}
}

/* In a copy somebody else may still exchange it. */
static int open_kind(int dirfd, const char *name, const struct stat *st)
{
	return S_ISREG(st->st_mode)
	               ? fs_open_regular(dirfd, name)
	               : openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int settle_same(int dirfd, const char *name, const struct stat *st, const struct merged *below,
	bool *ret, struct err *err)
{
	struct stat old;
	size_t at;
	*ret = false;
	if (!merged_stat(below, name, &old, &at) || !same_stat(st, &old))
		return 0;
	if (S_ISLNK(st->st_mode))
		return same_link(dirfd, below->fd[at], name, ret, err);
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)) {
		*ret = true;
		return 0;
	}
	AUTO_FD int a = open_kind(dirfd, name, st);
	AUTO_FD int b = open_kind(below->fd[at], name, st);
	if (a < 0 || b < 0)
		return err_sys(err, "cannot open '%s'", name);
	if (same_xattrs(a, b, name, ret, err) < 0)
		return err->code;
	if (*ret && S_ISREG(st->st_mode))
		return same_content(a, b, name, ret, err);
	return 0;
}
