/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot as a plain copy of all layers below: slow, but it needs nothing from the kernel except
 * a bind mount. The copy lies in work/merged; work/copied says which files are copies (a hash of
 * path, inode and time of birth each) and when the copying was over, so that afterwards the changes
 * are found without comparing contents. Hard links are not kept in a copy that is written to: a
 * change to one name must not reach the other, as overlayfs has it.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/xattr.h"
#include "layers/merged.h"
#include "layers/settle_internal.h"
#include "layers/snapshot_internal.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TREE "merged"
#define RECORD "copied"
#define FRESH "settled"
#define DEPTH_MAX 2048
#define RECORD_MAX (512 * MIB)
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct copied {
	uint64_t *marks; /* sorted */
	size_t n, cap;
	struct timespec over;
};

static void copied_done(struct copied *c)
{
	free(c->marks);
}
#define AUTO_COPIED __attribute__((cleanup(copied_done)))

static uint64_t fold(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

/* Of this file under this name; a file that takes its place has another birth or inode. */
static int mark_of(int dirfd, const char *name, const char *path, uint64_t *ret, struct err *err)
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

/* Owner, mode, attributes and times, in the order in which none undoes another. */
static int set_attributes(
	int fd, const struct stat *st, int source, const char *path, struct err *err)
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

static int copy_file(int from, const char *name, int to, const struct stat *st, const char *path,
	struct err *err)
{
	AUTO_FD int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_FD int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in < 0 || out < 0 || fs_copy_data(in, out, (uint64_t)st->st_size) < 0)
		return err_sys(err, "cannot copy '%s'", path);
	return set_attributes(out, st, in, path, err);
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

static int path_push(struct buf *path, const char *name, struct err *err)
{
	if (path->len)
		buf_addch(path, '/');
	buf_addstr(path, name);
	return path->toobig ? err_set(err, ERR_LIMIT, "a path is longer than %d bytes", PATH_MAX)
	                    : 0;
}

static int copy_tree(struct copier *c, const struct merged *from, int to, struct err *err);

static int copy_dir(struct copier *c, const struct merged *from, const char *name, int at, int to,
	const struct stat *st, struct err *err)
{
	AUTO_MERGED struct merged sub = {0};
	if (mkdirat(to, name, 0700) < 0)
		return err_sys(err, "cannot make '%s'", c->path.data);
	AUTO_FD int fd = openat(to, name, DIR_FLAGS);
	AUTO_FD int source = openat(at, name, DIR_FLAGS);
	if (fd < 0 || source < 0)
		return err_sys(err, "cannot open '%s'", c->path.data);
	if (merged_enter(from, name, &sub, err) < 0 || copy_tree(c, &sub, fd, err) < 0)
		return err->code;
	return set_attributes(fd, st, source, c->path.data, err);
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
	if (path_push(&c->path, name, err) < 0)
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
		r = mark_of(to, name, c->path.data, &mark, err);
	if (r == 0) {
		struct copied *d = &c->done;
		if (d->n == d->cap) {
			d->cap = d->cap ? d->cap * 2 : 1024;
			d->marks = xreallocarray(d->marks, d->cap, sizeof(*d->marks));
		}
		d->marks[d->n++] = mark;
	}
	buf_remove(&c->path, before, c->path.len - before);
	return r;
}

static int copy_tree(struct copier *c, const struct merged *from, int to, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	if (c->depth == DEPTH_MAX)
		return err_set(
			err, ERR_LIMIT, "directories are nested more than %d deep", DEPTH_MAX);
	if (merged_names(from, &names, err) < 0)
		return err->code;
	c->depth++;
	for (size_t i = 0; i < names.n; i++)
		if (copy_name(c, from, names.v[i], to, err) < 0)
			return err->code;
	c->depth--;
	return 0;
}

/* The time that the file system gives to what changes now. */
static int time_now(int work, struct timespec *ret, struct err *err)
{
	struct stat st;
	AUTO_FD int fd = openat(work, RECORD ".time", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0 || unlinkat(work, RECORD ".time", 0) < 0)
		return err_sys(err, "cannot make a file in the work directory");
	*ret = st.st_ctim;
	return 0;
}

static int write_record(int work, struct copied *c, struct err *err)
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
	return fs_write_file(work, RECORD, b.data, b.len, 0600, false, err);
}

static int read_record(int work, struct copied *ret, struct err *err)
{
	AUTO_FREE char *data = NULL;
	size_t len;
	int r = fs_read_file(work, RECORD, RECORD_MAX, &data, &len, err);
	if (r < 0)
		return r;
	if (len < sizeof(ret->over))
		return err_set(err, ERR_CORRUPT, "the record of a copied snapshot is too short");
	memcpy(&ret->over, data, sizeof(ret->over));
	ret->n = (len - sizeof(ret->over)) / sizeof(*ret->marks);
	ret->marks = xmemdup(data + sizeof(ret->over), ret->n * sizeof(*ret->marks));
	return 0;
}

bool snapshot_copy_used(int work)
{
	return faccessat(work, RECORD, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
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
	if (mkdirat(s->work, TREE, 0700) < 0)
		return err_sys(err, "cannot make a directory for the copy of the layers");
	AUTO_FD int to = openat(s->work, TREE, DIR_FLAGS);
	if (to < 0 || owner_stat(from.fd[0], &st) < 0)
		return err_sys(err, "cannot open the directory for the copy of the layers");
	AUTO_LINKS struct links *links = s->upper < 0 ? links_new() : NULL;
	struct copier c = {.root = to, .links = links, .path = BUF_INIT(PATH_MAX)};
	int r = copy_tree(&c, &from, to, err);
	if (r == 0)
		r = set_attributes(to, &st, from.fd[0], "/", err);
	if (r == 0 && s->upper >= 0)
		r = write_record(s->work, &c.done, err);
	buf_done(&c.path);
	copied_done(&c.done);
	return r < 0 ? r : snapshot_clone(to, s->upper < 0, ret_fd, err);
}

/* --- and back: what differs is moved to the upper directory --- */

struct mover {
	struct copied copied;
	struct timespec begun;
	struct buf path;
	unsigned depth;
};

/* A directory of the upper side that is made when something needs it. */
struct place {
	struct place *parent;
	const char *name;
	int source; /* the directory of the copy, whose attributes it gets in the end */
	int fd; /* -1: not made yet */
};

static int place_need(struct place *p, struct err *err)
{
	if (p->fd >= 0)
		return 0;
	if (place_need(p->parent, err) < 0)
		return err->code;
	if (mkdirat(p->parent->fd, p->name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make '%s'", p->name);
	p->fd = openat(p->parent->fd, p->name, DIR_FLAGS);
	return p->fd < 0 ? err_sys(err, "cannot open '%s'", p->name) : 0;
}

static bool is_copy(const struct mover *m, uint64_t mark)
{
	return m->copied.n && bsearch(&mark, m->copied.marks, m->copied.n, sizeof(mark), cmp_marks);
}

/* A directory of the step's. */
struct level {
	int copy;
	int old; /* of the upper directory as it was, -1: not there */
	const struct merged *below;
};

static int move_tree(struct mover *m, const struct level *at, struct place *to, struct err *err);

/* A directory that was there: itself, if it differs, and what differs in it. */
static int move_dir(struct mover *m, const struct level *at, const char *name,
	const struct stat *st, struct place *to, struct err *err)
{
	AUTO_MERGED struct merged sub = {0};
	AUTO_FD int fd = openat(at->copy, name, DIR_FLAGS);
	AUTO_FD int old = at->old < 0 ? -1 : openat(at->old, name, DIR_FLAGS);
	bool same = false;
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", m->path.data);
	struct place own = {.parent = to, .name = name, .source = fd, .fd = -1};
	const struct level inside = {.copy = fd, .old = old, .below = &sub};
	int r = merged_enter(at->below, name, &sub, err);
	if (r == 0)
		r = settle_same(at->copy, name, st, at->below, &same, err);
	if (r == 0 && !same)
		r = place_need(&own, err);
	if (r == 0)
		r = move_tree(m, &inside, &own, err);
	if (r == 0 && own.fd >= 0)
		r = set_attributes(own.fd, st, fd, m->path.data, err);
	mem_close_p(&own.fd);
	return r;
}

static int move_whole(
	struct mover *m, int from, const char *name, struct place *to, struct err *err)
{
	if (place_need(to, err) < 0)
		return err->code;
	return renameat(from, name, to->fd, name) < 0
	               ? err_sys(err, "cannot move '%s'", m->path.data)
	               : 0;
}

/* Nobody changed it: what an earlier step left in the upper directory stays, with its links. */
static int keep_old(struct mover *m, const struct level *at, const char *name, struct place *to,
	struct err *err)
{
	struct stat st;
	if (at->old < 0 || fstatat(at->old, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (place_need(to, err) < 0)
		return err->code;
	return linkat(at->old, name, to->fd, name, 0) == 0 ? 0
	                                                   : move_whole(m, at->copy, name, to, err);
}

static int move_name(struct mover *m, const struct level *at, const char *name, struct place *to,
	struct err *err)
{
	struct stat st, old;
	uint64_t mark;
	size_t in;
	bool same = false;
	if (owner_stat_at(at->copy, name, &st) < 0)
		return err_sys(err, "cannot stat '%s'", m->path.data);
	if (mark_of(at->copy, name, m->path.data, &mark, err) < 0)
		return err->code;
	bool copy = is_copy(m, mark);
	if (S_ISDIR(st.st_mode) &&
		(copy || (merged_stat(at->below, name, &old, &in) && S_ISDIR(old.st_mode))))
		return move_dir(m, at, name, &st, to, err);
	if (copy && settle_before(st.st_ctim, m->copied.over))
		return keep_old(m, at, name, to, err);
	bool maybe_same =
		!S_ISDIR(st.st_mode) && st.st_nlink == 1 && settle_before(st.st_mtim, m->begun);
	if (maybe_same && settle_same(at->copy, name, &st, at->below, &same, err) < 0)
		return err->code;
	return same ? 0 : move_whole(m, at->copy, name, to, err);
}

static int move_tree(struct mover *m, const struct level *at, struct place *to, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT, old = STRV_INIT;
	int dir = openat(at->copy, ".", DIR_FLAGS);
	struct merged own = {.fd = &dir, .n = 1};
	if (dir < 0)
		return err_sys(err, "cannot open '%s'", buf_str(&m->path));
	int r = m->depth == DEPTH_MAX
	                ? err_set(err, ERR_LIMIT, "directories are nested more than %d deep",
				  DEPTH_MAX)
	                : merged_names(&own, &names, err);
	if (r == 0)
		r = merged_names(at->below, &old, err);
	m->depth++;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		size_t before = m->path.len;
		r = path_push(&m->path, names.v[i], err);
		if (r == 0)
			r = move_name(m, at, names.v[i], to, err);
		buf_remove(&m->path, before, m->path.len - before);
	}
	m->depth--;
	for (size_t i = 0, k = 0; r == 0 && i < old.n; i++) {
		while (k < names.n && strcmp(names.v[k], old.v[i]) < 0)
			k++;
		if (k < names.n && streq(names.v[k], old.v[i]))
			continue;
		r = place_need(to, err);
		if (r == 0 && whiteout_make(to->fd, old.v[i]) < 0)
			r = err_sys(err, "cannot make a whiteout of '%s'", old.v[i]);
	}
	close(dir);
	return r;
}

/* fresh takes the place of what is in upper: each name there has either what it had or what it is
 * to have, whenever we are killed. */
static int replace_content(int fresh, int upper, const struct walk_list *old, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	AUTO_STRV struct strv names = STRV_INIT;
	if (lseek(fresh, 0, SEEK_SET) < 0 || walk_list_read(fresh, "", &list, err) < 0)
		return err_sys(err, "cannot read what the step left");
	for (size_t i = 0; i < list.n; i++) {
		const char *name = list.items[i].name;
		if (list.items[i].descend)
			continue;
		strv_add(&names, name);
		if (renameat2(fresh, name, upper, name, RENAME_EXCHANGE) == 0)
			continue;
		/* there is none, or the file system cannot exchange */
		if (fs_remove_tree(upper, name, err) < 0)
			return err->code;
		if (renameat(fresh, name, upper, name) < 0)
			return err_sys(err, "cannot move '%s'", name);
	}
	for (size_t i = 0; i < old->n; i++)
		if (!old->items[i].descend && !strv_has(&names, old->items[i].name) &&
			fs_remove_tree(upper, old->items[i].name, err) < 0)
			return err->code;
	return 0;
}

int snapshot_copy_settle(
	int work, int upper, const struct merged *below, struct timespec begun, struct err *err)
{
	AUTO_COPIED struct copied copied = {0};
	AUTO_WALK_LIST struct walk_list old = {0};
	AUTO_FD int to = openat(upper, ".", DIR_FLAGS);
	AUTO_FD int fresh = -1;
	int r = read_record(work, &copied, err);
	if (r < 0)
		return r;
	AUTO_FD int from = openat(work, TREE, DIR_FLAGS);
	if (from < 0 || to < 0)
		return err_sys(err, "cannot open the copy of the layers");
	if (walk_list_read(to, "", &old, err) < 0)
		return err->code;
	/* a container's: what an earlier step left, and this one removed, is not to stay */
	if (old.n &&
		(mkdirat(work, FRESH, 0700) < 0 || (fresh = openat(work, FRESH, DIR_FLAGS)) < 0))
		return err_sys(err, "cannot make a directory for what the step left");
	struct mover m = {.copied = copied, .begun = begun, .path = BUF_INIT(PATH_MAX)};
	struct place root = {.fd = old.n ? fresh : to};
	const struct level top = {.copy = from, .old = old.n ? to : -1, .below = below};
	r = move_tree(&m, &top, &root, err);
	buf_done(&m.path);
	if (r == 0 && old.n)
		r = replace_content(fresh, to, &old, err);
	if (r == 0)
		r = fs_remove_tree(work, FRESH, err);
	if (r == 0)
		r = fs_remove_tree(work, TREE, err);
	if (r == 0 && unlinkat(work, RECORD, 0) < 0)
		r = err_sys(err, "cannot remove the record of a copied snapshot");
	return r;
}
