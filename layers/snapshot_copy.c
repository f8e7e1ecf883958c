/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot as a plain copy of all layers below: slow, but it needs nothing from the kernel except
 * a bind mount (copied.h). Hard links are not kept in a copy that is written to: a change to one
 * name must not reach the other, as overlayfs has it. settle_copy.c is the way back.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "layers/copied.h"
#include "layers/merged.h"
#include "layers/snapshot_internal.h"
#include "layers/walk.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static int copy_file(int from, const char *name, int to, const struct stat *st, const char *path,
	struct err *err)
{
	AUTO_FD int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_FD int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
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

struct copier {
	struct copied done;
	int root; /* of the copy */
	struct links *links; /* NULL: hard links are not kept */
	struct buf path;
	unsigned depth;
};

static int copy_tree(struct copier *c, const struct merged *from, int to, struct err *err);

static int copy_dir(struct copier *c, const struct merged *from, const char *name, int at, int to,
	const struct stat *st, struct err *err)
{
	AUTO_MERGED struct merged sub = {0};
	if (mkdirat(to, name, 0700) < 0)
		return err_sys(err, "cannot make '%s'", c->path.data);
	AUTO_FD int fd = openat(to, name, COPIED_DIR_FLAGS);
	AUTO_FD int source = openat(at, name, COPIED_DIR_FLAGS);
	if (fd < 0 || source < 0)
		return err_sys(err, "cannot open '%s'", c->path.data);
	if (merged_enter(from, name, &sub, err) < 0 || copy_tree(c, &sub, fd, err) < 0)
		return err->code;
	return copied_attributes(fd, st, source, c->path.data, err);
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

static int copy_name(
	struct copier *c, const struct merged *from, const char *name, int to, struct err *err)
{
	struct stat st;
	size_t at, before = c->path.len;
	if (!merged_stat(from, name, &st, &at))
		return 0;
	if (copied_path_push(&c->path, name, err) < 0)
		return err->code;
	int r;
	if (S_ISDIR(st.st_mode))
		r = copy_dir(c, from, name, from->fd[at], to, &st, err);
	else if ((r = copy_link(c, name, to, &st, err)) != 0)
		r = r < 0 ? r : 0;
	else if (S_ISREG(st.st_mode))
		r = copy_file(from->fd[at], name, to, &st, c->path.data, err);
	else
		r = copy_other(from->fd[at], name, to, &st, c->path.data, err);
	uint64_t mark;
	if (r == 0)
		r = copied_mark(to, name, c->path.data, &mark, err);
	if (r == 0)
		copied_add(&c->done, mark);
	buf_remove(&c->path, before, c->path.len - before);
	return r;
}

static int copy_tree(struct copier *c, const struct merged *from, int to, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	if (c->depth == COPIED_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "directories are nested more than %d deep",
			COPIED_DEPTH_MAX);
	if (merged_names(from, &names, err) < 0)
		return err->code;
	c->depth++;
	for (size_t i = 0; i < names.n; i++)
		if (copy_name(c, from, names.v[i], to, err) < 0)
			return err->code;
	c->depth--;
	return 0;
}

bool snapshot_copy_used(int work)
{
	return faccessat(work, COPIED_RECORD, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int snapshot_copy_mount(const struct snapshot *s, int *ret_fd, struct err *err)
{
	AUTO_MERGED struct merged from = {0};
	struct stat st;
	/* what is in the upper directory already lies on top */
	AUTO_FREE int *all = xreallocarray(NULL, s->n_lower + 1, sizeof(*all));
	size_t n = 0;
	if (s->upper >= 0)
		all[n++] = s->upper;
	for (size_t i = 0; i < s->n_lower; i++)
		all[n++] = s->lower[i];
	if (s->work < 0)
		return err_set(err, ERR_UNSUPPORTED, "there is no place for a copy of the layers");
	if (merged_root(all, n, &from, err) < 0)
		return err->code;
	if (mkdirat(s->work, COPIED_TREE, 0700) < 0)
		return err_sys(err, "cannot make a directory for the copy of the layers");
	AUTO_FD int to = openat(s->work, COPIED_TREE, COPIED_DIR_FLAGS);
	if (to < 0 || owner_stat(from.fd[0], &st) < 0)
		return err_sys(err, "cannot open the directory for the copy of the layers");
	AUTO_LINKS struct links *links = s->upper < 0 ? links_new() : NULL;
	struct copier c = {.root = to, .links = links, .path = BUF_INIT(PATH_MAX)};
	int r = copy_tree(&c, &from, to, err);
	if (r == 0)
		r = copied_attributes(to, &st, from.fd[0], "/", err);
	if (r == 0 && s->upper >= 0)
		r = copied_write(s->work, &c.done, err);
	buf_done(&c.path);
	copied_done(&c.done);
	return r < 0 ? r : snapshot_clone(to, s->upper < 0, ret_fd, err);
}
