/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/copier.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/proc.h"
#include "layers/copied.h"
#include "layers/merged.h"
#include "layers/walk.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static int copy_file(int from, const char *name, int to, const struct stat *st, const char *path,
	struct err *err)
{
	AUTO_FD int in = fs_open_regular(from, name);
	AUTO_FD int out =
		in < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in < 0 || out < 0 || fs_copy_data(in, out, (uint64_t)st->st_size) < 0)
		return err_sys(err, "cannot copy '%s'", path);
	return copied_attributes(out, st, in, path, err);
}

static int copy_other(int from, const char *name, int to, const struct stat *st, const char *path,
	struct err *err)
{
	char target[PATH_MAX];
	const struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT}, st->st_mtim}; /* see base/owner.h */
	int r;
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
		if (n >= 0)
			target[n] = '\0';
		r = n < 0 ? -1 : symlinkat(target, to, name);
	} else {
		r = mknodat(to, name, st->st_mode, st->st_rdev);
	}
	if (r < 0 || owner_set_at(to, name, st->st_uid, st->st_gid) < 0 ||
		(!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0) ||
		utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot copy '%s'", path);
	return 0;
}

static int copy_dir(struct copier *c, const struct merged *from, const char *name, int to,
	const struct stat *st, struct err *err)
{
	AUTO_MERGED struct merged sub = {0};
	if (mkdirat(to, name, 0700) < 0)
		return err_sys(err, "cannot make '%s'", c->path.data);
	AUTO_FD int fd = openat(to, name, COPIED_DIR_FLAGS);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", c->path.data);
	if (merged_enter(from, name, &sub, err) < 0)
		return err->code;
	if (sub.n == 0)
		return err_set(err, ERR_BUSY, "'%s' was changed while it was copied", c->path.data);
	if (copier_tree(c, &sub, fd, err) < 0)
		return err->code;
	return copied_attributes(fd, st, sub.fd[0], c->path.data, err);
}

/* 1: it is another name of a file that was copied. */
static int copy_link(
	struct copier *c, const char *name, int to, const struct stat *st, struct err *err)
{
	if (!c->links || st->st_nlink < 2)
		return 0;
	const char *first = links_meet(c->links, st, c->path.data);
	if (!first)
		return 0;
	return linkat(c->root, first, to, name, 0) < 0
	               ? err_sys(err, "cannot link '%s'", c->path.data)
	               : 1;
}

static int note_copied(struct copier *c, const char *name, int to, struct err *err)
{
	uint64_t mark;
	if (!c->done)
		return 0;
	int r = copied_mark(to, name, c->path.data, &mark, err);
	if (r == 0)
		copied_add(c->done, mark);
	return r;
}

int copier_name(
	struct copier *c, const struct merged *from, const char *name, int to, struct err *err)
{
	struct stat st;
	size_t at;
	if (!merged_stat(from, name, &st, &at))
		return 0;
	int r;
	if (S_ISDIR(st.st_mode))
		r = copy_dir(c, from, name, to, &st, err);
	else if ((r = copy_link(c, name, to, &st, err)) != 0)
		r = r < 0 ? r : 0;
	else if (S_ISREG(st.st_mode))
		r = copy_file(from->fd[at], name, to, &st, c->path.data, err);
	else
		r = copy_other(from->fd[at], name, to, &st, c->path.data, err);
	/* further names of a file are found by its number */
	if (r == 0 && c->take && S_ISREG(st.st_mode) && st.st_nlink == 1)
		(void)unlinkat(from->fd[at], name, 0);
	return r < 0 ? r : note_copied(c, name, to, err);
}

int copier_tree(struct copier *c, const struct merged *from, int to, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = 0;
	if (c->depth == COPIED_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "directories are nested more than %d deep",
			COPIED_DEPTH_MAX);
	if (merged_names(from, &names, err) < 0)
		return err->code;
	c->depth++;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		size_t before = c->path.len;
		r = proc_interrupted(err);
		if (r == 0)
			r = copied_path_push(&c->path, names.v[i], err);
		if (r == 0)
			r = copier_name(c, from, names.v[i], to, err);
		buf_remove(&c->path, before, c->path.len - before);
	}
	c->depth--;
	return r;
}
