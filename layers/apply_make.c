/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/apply_internal.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/root.h"
#include "layers/tar_read.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What is in the way of a new entry goes. The directory that is kept open may be below it. */
static int clear_way(struct apply *a, const struct place *p, struct err *err)
{
	struct stat st;
	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot stat '%s'", p->path);
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(p->dir, p->name, 0) < 0)
			return err_sys(err, "cannot replace '%s'", p->path);
		return 0;
	}
	/* the next entry looks its directory up again; p->dir itself cannot be below p->name */
	a->parent_known = false;
	return fs_remove_tree(p->dir, p->name, err);
}

static int set_xattrs(int fd, const struct tar_entry *e, const char *path, struct err *err)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		if (!xattr_travels(e->xattrs[i].name))
			continue;
		if (xattr_set(fd, "", &e->xattrs[i], err) < 0) {
			/* a file system without attributes, or a capability in a user namespace
			 * that may not set it */
			if (err->code != ERR_UNSUPPORTED)
				return err_wrap(err, "'%s'", path);
			err_clear(err);
		}
	}
	return 0;
}

static int owner_error(const struct place *p, struct err *err)
{
	if (errno == EINVAL)
		return err_set(err, ERR_DENIED,
			"'%s': owner %u:%u is not mapped in this user namespace", p->path, p->uid,
			p->gid);
	return err_sys(err, "cannot set the owner of '%s'", p->path);
}

static int make_file(
	struct apply *a, const struct tar_entry *e, const struct place *p, struct err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	AUTO_FD int fd = openat(p->dir, p->name, flags, e->mode & 0777);
	if (fd < 0 && errno == EEXIST) {
		if (clear_way(a, p, err) < 0)
			return err->code;
		fd = openat(p->dir, p->name, flags, e->mode & 0777);
	}
	if (fd < 0)
		return err_sys(err, "cannot create '%s'", p->path);
	if (apply_content(a, fd, e, p->path, err) < 0)
		return err->code;
	if (p->chown && owner_set(fd, p->uid, p->gid) < 0)
		return owner_error(p, err);
	/* after writing and chown, which clear setuid bits and capabilities */
	if (((e->mode & 07000) || p->shaped) && fchmod(fd, e->mode & 07777) < 0)
		return err_sys(err, "cannot set the mode of '%s'", p->path);
	if (set_xattrs(fd, e, p->path, err) < 0)
		return err->code;
	if (futimens(fd, p->times) < 0)
		return err_sys(err, "cannot set the time of '%s'", p->path);
	return 0;
}

static void remember_time(struct apply *a, const char *path, const struct timespec *t)
{
	if (a->n_times == a->cap_times) {
		a->cap_times = a->cap_times ? a->cap_times * 2 : 64;
		a->times = xreallocarray(a->times, a->cap_times, sizeof(struct dir_time *));
	}
	size_t n = strlen(path) + 1;
	struct dir_time *d = xmalloc(sizeof(*d) + n);
	d->sec = t->tv_sec;
	d->ns = (uint32_t)t->tv_nsec;
	memcpy(d->path, path, n);
	a->times[a->n_times++] = d;
}

static int shape_dir(struct apply *a, int fd, const struct tar_entry *e, const struct place *p,
	bool fresh, struct err *err)
{
	if ((p->chown || !fresh) && !(a->opts->flags & APPLY_NO_OWNER) &&
		owner_set(fd, p->uid, p->gid) < 0)
		return owner_error(p, err);
	if (((e->mode & 07000) || p->shaped || !fresh) && fchmod(fd, e->mode & 07777) < 0)
		return err_sys(err, "cannot set the mode of '%s'", p->path);
	if (set_xattrs(fd, e, p->path, err) < 0)
		return err->code;
	remember_time(a, p->path, &p->times[1]);
	return 0;
}

static int make_dir(
	struct apply *a, const struct tar_entry *e, const struct place *p, struct err *err)
{
	bool fresh = true, hides = false;
	if (mkdirat(p->dir, p->name, e->mode & 0777) < 0) {
		struct stat st;
		if (errno != EEXIST)
			return err_sys(err, "cannot create '%s'", p->path);
		if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, "cannot stat '%s'", p->path);
		fresh = !S_ISDIR(st.st_mode);
		if (fresh && (clear_way(a, p, err) < 0))
			return err->code;
		if (fresh && mkdirat(p->dir, p->name, e->mode & 0777) < 0)
			return err_sys(err, "cannot create '%s'", p->path);
		/* a whiteout or a file of this layer hid what lies below: it stays hidden */
		hides = fresh && !(a->opts->flags & APPLY_PLAIN);
	}
	bool plain =
		fresh && !hides && !p->chown && !(e->mode & 07000) && !p->shaped && !e->n_xattrs;
	if (plain) {
		remember_time(a, p->path, &p->times[1]);
		return 0;
	}
	AUTO_FD int fd = openat(p->dir, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", p->path);
	if (hides && whiteout_set_opaque(fd) < 0)
		return err_sys(err, "cannot make '%s' opaque", p->path);
	if (!fresh)
		a->parent_known = false; /* its setgid bit may change */
	return shape_dir(a, fd, e, p, fresh, err);
}

/* Owner, mode and time of what cannot be opened. */
static int shape_node(const struct tar_entry *e, const struct place *p, struct err *err)
{
	if (p->chown && owner_set_at(p->dir, p->name, p->uid, p->gid) < 0)
		return owner_error(p, err);
	bool chmod_it = !S_ISLNK(e->mode) && ((e->mode & 07000) || p->shaped);
	if (chmod_it && fchmodat(p->dir, p->name, e->mode & 07777, 0) < 0)
		return err_sys(err, "cannot set the mode of '%s'", p->path);
	if (utimensat(p->dir, p->name, p->times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot set the time of '%s'", p->path);
	return 0;
}

static int make_symlink(
	struct apply *a, const struct tar_entry *e, const struct place *p, struct err *err)
{
	if (symlinkat(e->link, p->dir, p->name) < 0) {
		if (errno != EEXIST)
			return err_sys(err, "cannot create link '%s'", p->path);
		if (clear_way(a, p, err) < 0)
			return err->code;
		if (symlinkat(e->link, p->dir, p->name) < 0)
			return err_sys(err, "cannot create link '%s'", p->path);
	}
	return shape_node(e, p, err);
}

static int link_error(const struct tar_entry *e, const struct place *p, struct err *err)
{
	if (errno == ENOENT || errno == ENOTDIR || errno == EINVAL || errno == ELOOP)
		return err_set(err, ERR_INVALID,
			"'%s': hard link to '%.200s', which is not in the archive's root", p->path,
			e->link);
	return err_sys(err, "cannot link '%s' to '%.200s'", p->path, e->link);
}

/* docker gives the file what the entry of its further name says. */
static int shape_linked(
	struct apply *a, const struct tar_entry *e, const struct place *p, struct err *err)
{
	if (!(a->opts->flags & APPLY_NO_OWNER) && owner_set_at(p->dir, p->name, p->uid, p->gid) < 0)
		return err_sys(err, "cannot set the owner of '%s'", p->path);
	struct stat st;
	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot stat '%s'", p->path);
	if (S_ISLNK(st.st_mode))
		return 0;
	if (fchmodat(p->dir, p->name, e->mode & 07777, 0) < 0)
		return err_sys(err, "cannot set the mode of '%s'", p->path);
	if (utimensat(p->dir, p->name, p->times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot set the time of '%s'", p->path);
	return 0;
}

static int link_to(
	struct apply *a, const struct tar_entry *e, const struct place *p, struct err *err)
{
	char target[PATH_MAX];
	if (apply_clean(e->link, apply_is_strict(a->opts), target, err) < 0)
		return err_wrap(err, "hard link '%s'", p->path);
	if (!*target)
		return err_set(err, ERR_INVALID, "'%s': hard link to the root", p->path);
	const char *name;
	AUTO_FD int dir = root_open_parent(a->root, target, &name);
	struct stat to, old;
	if (dir < 0 || fstatat(dir, name, &to, AT_SYMLINK_NOFOLLOW) < 0)
		return link_error(e, p, err);
	if (S_ISDIR(to.st_mode) || whiteout_is(dir, name, &to))
		return err_set(err, ERR_INVALID, "'%s': hard link to '%.200s', which is a %s",
			p->path, e->link, S_ISDIR(to.st_mode) ? "directory" : "whiteout");
	if (linkat(dir, name, p->dir, p->name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return link_error(e, p, err);
	if (fstatat(p->dir, p->name, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_dev == to.st_dev &&
		old.st_ino == to.st_ino)
		return 0;
	if (clear_way(a, p, err) < 0)
		return err->code;
	return linkat(dir, name, p->dir, p->name, 0) < 0 ? link_error(e, p, err) : 0;
}

static int make_hardlink(
	struct apply *a, const struct tar_entry *e, const struct place *p, struct err *err)
{
	if (link_to(a, e, p, err) < 0)
		return err->code;
	return a->opts->flags & APPLY_PLAIN ? shape_linked(a, e, p, err) : 0;
}

/*
 * Deletes p->name. In a layer: from the layers below, so a directory of this layer becomes opaque
 * and anything else of this layer stays (layer.md: a whiteout applies to lower layers only). In a
 * plain archive: from the tree, as the image would show it.
 */
static int make_whiteout(struct apply *a, const struct place *p, struct err *err)
{
	if (a->opts->flags & APPLY_PLAIN) {
		a->parent_known = false;
		return fs_remove_tree(p->dir, p->name, err);
	}
	if (whiteout_make(p->dir, p->name) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(err, "cannot create the whiteout of '%s'", p->path);
	AUTO_FD int fd = openat(p->dir, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && whiteout_set_opaque(fd) < 0)
		return err_sys(err, "cannot make '%s' opaque", p->path);
	return 0;
}

static int make_node(
	struct apply *a, const struct tar_entry *e, const struct place *p, struct err *err)
{
	mode_t type = e->mode & S_IFMT;
	if (type != S_IFIFO && (a->opts->flags & APPLY_CONTEXT))
		return err_set(err, ERR_INVALID, "'%s' is a device (%u:%u): a context has none",
			p->path, e->major, e->minor);
	if (type == S_IFCHR && e->major == 0 && e->minor == 0)
		return make_whiteout(a, p, err);
	if (type != S_IFIFO && (a->opts->flags & APPLY_SKIP_DEVICES))
		return 0;
	if (type != S_IFIFO && (a->opts->flags & APPLY_NO_DEVICES))
		return err_set(err, ERR_UNSUPPORTED,
			"'%s' is a device (%u:%u), which cannot be made without privilege", p->path,
			e->major, e->minor);
	dev_t dev = makedev(e->major, e->minor);
	mode_t mode = type | (e->mode & 0777);
	if (mknodat(p->dir, p->name, mode, dev) < 0) {
		if (errno != EEXIST)
			return err_sys(err, "cannot create device or fifo '%s'", p->path);
		if (clear_way(a, p, err) < 0)
			return err->code;
		if (mknodat(p->dir, p->name, mode, dev) < 0)
			return err_sys(err, "cannot create device or fifo '%s'", p->path);
	}
	return shape_node(e, p, err);
}

/* 1: the entry was a whiteout and is done with; 0: it is an ordinary one. */
int apply_whiteout(struct apply *a, struct place *p, struct err *err)
{
	enum whiteout_kind kind;
	const char *target;
	if (whiteout_parse(p->name, &kind, &target, err) < 0)
		return err->code;
	switch (kind) {
	case WHITEOUT_NONE:
		return 0;
	case WHITEOUT_META:
		return 1;
	case WHITEOUT_NAME:
		p->name = target;
		return make_whiteout(a, p, err) < 0 ? err->code : 1;
	case WHITEOUT_DIR:
		break;
	}
	if (a->opts->flags & APPLY_PLAIN)
		return err_set(err, ERR_UNSUPPORTED, "'%s' cannot be stored in a layer", p->path);
	if (whiteout_set_opaque(p->dir) < 0)
		return err_sys(err, "cannot make the directory of '%s' opaque", p->path);
	return 1;
}

/* The root itself. docker leaves the target of ADD as it is, whatever such an entry is. */
int apply_make_root(struct apply *a, const struct tar_entry *e, struct place *p, struct err *err)
{
	if ((a->opts->flags & APPLY_CONTEXT) && S_ISDIR(e->mode) && !e->hardlink)
		remember_time(a, p->path, &p->times[1]);
	if (a->opts->flags & APPLY_PLAIN)
		return 0;
	if (!S_ISDIR(e->mode) || e->hardlink)
		return err_set(
			err, ERR_INVALID, "'%.200s' is the root and not a directory", e->path);
	a->parent_known = false;
	return shape_dir(a, a->root, e, p, false, err);
}

int apply_make(struct apply *a, const struct tar_entry *e, struct place *p, struct err *err)
{
	if (e->hardlink)
		return make_hardlink(a, e, p, err);
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return make_file(a, e, p, err);
	case S_IFDIR:
		return make_dir(a, e, p, err);
	case S_IFLNK:
		return make_symlink(a, e, p, err);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return make_node(a, e, p, err);
	default:
		return err_set(err, ERR_INVALID, "'%s' is of an unknown type", p->path);
	}
}
