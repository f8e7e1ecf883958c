/* SPDX-License-Identifier: Apache-2.0 */
/* One file, or anything else but a directory, onto a place that is known. */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/root.h"
#include "base/xattr.h"
#include "build/chmod.h"
#include "build/copy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the slot of that file is, or would be. */
static struct link_entry *link_slot(struct link_entry *table, size_t cap, dev_t dev, ino_t ino)
{
	size_t i = (size_t)(ino * 0x9e3779b97f4a7c15ULL ^ dev) % cap;
	while (table[i].path && (table[i].ino != ino || table[i].dev != dev))
		i = (i + 1) % cap;
	return &table[i];
}

static void link_remember(struct copier *c, const struct stat *st, const char *path)
{
	if (2 * (c->n_links + 1) > c->cap_links) {
		size_t cap = c->cap_links ? 2 * c->cap_links : 64;
		struct link_entry *bigger = xcalloc(cap, sizeof(*bigger));
		for (size_t i = 0; i < c->cap_links; i++)
			if (c->links[i].path)
				*link_slot(bigger, cap, c->links[i].dev, c->links[i].ino) =
					c->links[i];
		free(c->links);
		c->links = bigger;
		c->cap_links = cap;
	}
	struct link_entry *slot = link_slot(c->links, c->cap_links, st->st_dev, st->st_ino);
	if (!slot->path)
		c->n_links++;
	free(slot->path);
	*slot = (struct link_entry){.dev = st->st_dev, .ino = st->st_ino, .path = xstrdup(path)};
}

void copy_links_forget(struct copier *c)
{
	for (size_t i = 0; i < c->cap_links; i++)
		free(c->links[i].path);
	free(c->links);
	c->links = NULL;
	c->n_links = c->cap_links = 0;
}

mode_t copy_mode(const struct copier *c, const struct stat *st)
{
	if (c->has_mode)
		return chmod_apply(&c->mode, st->st_mode);
	return st->st_mode & (c->w->step->strip_ids ? 01777 : 07777);
}

struct timespec copy_time(const struct copier *c, const struct stat *st)
{
	return c->w->time ? *c->w->time : st->st_mtim;
}

static int copy_xattrs(const struct copier *c, int from_fd, int to_fd, struct err *err)
{
	AUTO_XATTRS struct xattrs x = {0};
	if (filetree_xattrs(c->source, from_fd, &x, err) < 0)
		return err->code;
	for (size_t i = 0; i < x.n; i++)
		if (xattr_set(to_fd, "", &x.x[i], err) < 0 && err->code != ERR_UNSUPPORTED)
			return err->code;
	return 0;
}

int copy_metadata(
	const struct copier *c, int from_fd, int to_fd, const struct stat *st, struct err *err)
{
	struct stat now;
	uid_t uid = c->has_owner ? c->uid : st->st_uid;
	gid_t gid = c->has_owner ? c->gid : st->st_gid;
	mode_t mode = copy_mode(c, st);
	if (owner_stat(to_fd, &now) < 0)
		return err_sys(err, "cannot stat what was copied");
	if ((now.st_uid != uid || now.st_gid != gid) && owner_set(to_fd, uid, gid) < 0)
		return err_sys(err, "cannot set the owner to %u:%u", uid, gid);
	if (((now.st_mode & 07777) != mode || (mode & 06000)) && fchmod(to_fd, mode) < 0)
		return err_sys(err, "cannot set the mode to %04o", mode);
	if (from_fd >= 0 && copy_xattrs(c, from_fd, to_fd, err) < 0)
		return err->code;
	struct timespec time = copy_time(c, st), times[2] = {time, time};
	if (futimens(to_fd, times) < 0)
		return err_sys(err, "cannot set the times");
	return 0;
}

/* A new regular file in place of whatever is there, if it is not a directory. */
int copy_create(int dir, const char *name, mode_t mode, int *ret_fd, struct err *err)
{
	for (int attempt = 0; attempt < 3; attempt++) {
		int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			mode & 0777);
		if (fd >= 0) {
			*ret_fd = fd;
			return 0;
		}
		if (errno != EEXIST)
			break;
		if (unlinkat(dir, name, 0) < 0 && errno != ENOENT) {
			if (errno == EISDIR || errno == EPERM)
				return err_set(err, ERR_INVALID,
					"cannot replace the directory '%s' by a file", name);
			break;
		}
	}
	return err_sys(err, "cannot create '%s'", name);
}

static int make_way(int dir, const char *name, struct err *err)
{
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT) {
		if (errno == EISDIR || errno == EPERM)
			return err_set(err, ERR_INVALID, "cannot replace the directory '%s'", name);
		return err_sys(err, "cannot replace '%s'", name);
	}
	return 0;
}

static int copy_content(const struct copier *c, int from, int to, uint64_t size)
{
	if (size > COPY_BUF)
		return fs_copy_data(from, to, size);
	for (uint64_t done = 0; done < size;) {
		ssize_t n = read(from, c->buf, COPY_BUF);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		if (fs_write_all(to, c->buf, (size_t)n) < 0)
			return -1;
		done += (uint64_t)n;
	}
	return 0;
}

bool copy_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

int copy_changed_error(const struct node *n, struct err *err)
{
	return err_set(err, ERR_INVALID,
		"'%s' changed during the build; build again when nothing writes to it", n->name);
}

static int copy_file(struct copier *c, const struct node *n, int from_dir, int to_dir,
	const char *to_path, const char *name, struct err *err)
{
	const struct stat *st = &n->st;
	if (st->st_nlink > 1 && c->cap_links) {
		const struct link_entry *known =
			link_slot(c->links, c->cap_links, st->st_dev, st->st_ino);
		if (known->path) {
			const char *base;
			AUTO_FD int dir = root_open_parent(c->w->root, known->path, &base);
			if (make_way(to_dir, name, err) < 0)
				return err->code;
			if (dir < 0 || linkat(dir, base, to_dir, name, 0) < 0)
				return err_sys(err, "cannot link '%s'", name);
			return 0;
		}
	}
	AUTO_FD int from =
		openat(from_dir, n->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat now;
	if (from < 0 || fstat(from, &now) < 0)
		return err_sys(err, "cannot open '%s'", n->name);
	if (!copy_unchanged(&now, st))
		return copy_changed_error(n, err);
	AUTO_FD int to = -1;
	if (copy_create(to_dir, name, copy_mode(c, st), &to, err) < 0)
		return err->code;
	if (copy_content(c, from, to, (uint64_t)st->st_size) < 0)
		return err_sys(err, "cannot copy '%s'", n->name);
	if (fstat(from, &now) < 0 || !copy_unchanged(&now, st))
		return copy_changed_error(n, err);
	if (copy_metadata(c, from, to, st, err) < 0)
		return err_wrap(err, "'%s'", n->name);
	if (st->st_nlink > 1) {
		AUTO_FREE char *path = *to_path ? xasprintf("%s/%s", to_path, name) : xstrdup(name);
		link_remember(c, st, path);
	}
	return 0;
}

/* Links, devices, FIFOs; a socket cannot be archived and becomes an empty file, as BuildKit does.
 */
static int copy_special(
	const struct copier *c, const struct node *n, int to_dir, const char *name, struct err *err)
{
	const struct stat *st = &n->st;
	if (make_way(to_dir, name, err) < 0)
		return err->code;
	if (S_ISLNK(st->st_mode)
			? symlinkat(n->link, to_dir, name) < 0
			: mknodat(to_dir, name,
				  (S_ISSOCK(st->st_mode) ? S_IFREG : st->st_mode & S_IFMT) | 0600,
				  st->st_rdev) < 0)
		return err_sys(err, "cannot create '%s'", name);
	if (owner_set_at(to_dir, name, c->has_owner ? c->uid : st->st_uid,
		    c->has_owner ? c->gid : st->st_gid) < 0)
		return err_sys(err, "cannot set the owner of '%s'", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, copy_mode(c, st), 0) < 0)
		return err_sys(err, "cannot set the mode of '%s'", name);
	/* the time of access may say who the owner is: base/owner.h */
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, copy_time(c, st)};
	if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot set the times of '%s'", name);
	return 0;
}

int copy_leaf(struct copier *c, const struct node *n, int from_dir, int to_dir, const char *to_path,
	const char *name, struct err *err)
{
	if (S_ISREG(n->st.st_mode))
		return copy_file(c, n, from_dir, to_dir, to_path, name, err);
	return copy_special(c, n, to_dir, name, err);
}
