/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/apply.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/root.h"
#include "base/stream.h"
#include "layers/apply_internal.h"
#include "layers/tar_read.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ENTRIES_DEFAULT 10000000
#define BYTES_DEFAULT (1024 * GIB)
#define TIME_MAX (INT64_MAX / 1000000000) /* what Go's nanoseconds reach */
#define HOLE_UNIT (4 * KIB) /* what file systems allocate */
#define HOLE_MIN                                                                                   \
	(16 * KIB) /* shorter runs of zeros are written: a file in many pieces is slower than its  \
	              zeros */

/* A directory's time, set when nothing is created in it any more. */
struct dir_time {
	int64_t sec;
	uint32_t ns;
	char path[];
};

struct apply {
	int root;
	const struct apply_opts *opts;
	struct tar_reader *tar;
	uid_t uid; /* owner of what this process creates */
	gid_t gid;
	/* the directory of the entry before this one: archives are mostly in order */
	int parent;
	char parent_path[PATH_MAX];
	bool parent_shapes; /* setgid or a default ACL: what is created there gets other owners or
	                       modes */
	bool parent_known;
	struct dir_time **times;
	size_t n_times, cap_times;
	uint64_t entries, content;
};

/* The entry at hand: where it goes and what it gets. */
struct place {
	const char *path; /* clean, relative; for messages */
	const char *name; /* last component */
	int dir;
	bool shaped;
	uid_t uid;
	gid_t gid;
	bool chown;
	struct timespec times[2];
};

int apply_clean(const char *raw, bool layer, char out[PATH_MAX], struct err *err)
{
	size_t n = 0;
	if (!*raw && layer)
		return err_set(err, ERR_INVALID, "entry with an empty name");
	for (const char *p = raw; *p;) {
		const char *end = strchrnul(p, '/');
		size_t len = (size_t)(end - p);
		if (len == 2 && p[0] == '.' && p[1] == '.') {
			if (layer)
				return err_set(err, ERR_INVALID,
					"'%.200s' leaves the root ('..' in a name)", raw);
			while (n && out[--n] != '/')
				;
		} else if (len && !(len == 1 && p[0] == '.')) {
			if (n + len + 2 > PATH_MAX)
				return err_set(err, ERR_LIMIT,
					"name is longer than %d bytes: '%.60s...'", PATH_MAX - 1,
					raw);
			if (n)
				out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
		}
		p = *end ? end + 1 : end;
	}
	out[n] = '\0';
	return 0;
}

static void forget_parent(struct apply *a)
{
	if (a->parent >= 0 && a->parent != a->root)
		close(a->parent);
	a->parent = -1;
	a->parent_known = false;
}

/* Only directories that were there before can shape what is created in them, and the ones that the
 * archive makes setgid. */
static bool shapes_children(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 || (st.st_mode & S_ISGID) ||
	       fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
}

/* Opens the directory that holds path, making what is missing on the way. */
static int enter_parent(struct apply *a, const char *path, const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	*ret_name = slash ? slash + 1 : path;
	if (a->parent_known && strncmp(a->parent_path, path, n) == 0 && a->parent_path[n] == '\0')
		return 0;
	forget_parent(a);
	memcpy(a->parent_path, path, n);
	a->parent_path[n] = '\0';
	int fd = n ? root_open(a->root, a->parent_path, O_RDONLY | O_DIRECTORY, 0) : a->root;
	if (fd < 0 && errno == ENOENT) {
		/* ADD follows a link to what is not there yet; a layer with one is damaged */
		bool follow = a->opts->flags & APPLY_PLAIN, keep = a->opts->flags & APPLY_NO_OWNER;
		AUTO_FREE char *real =
			follow ? root_resolve(a->root, a->parent_path) : xstrdup(a->parent_path);
		if (!real || root_mkdir_p(a->root, real, 0755, keep ? (uid_t)-1 : 0,
				     keep ? (gid_t)-1 : 0, &fd) < 0)
			fd = -1;
	}
	if (fd < 0)
		return err_sys(err, "cannot enter '%s'", a->parent_path);
	a->parent = fd;
	a->parent_shapes = shapes_children(fd);
	a->parent_known = true;
	return 0;
}

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

/* How many bytes from p on are zeros, in units of which the first may be shorter. */
static size_t zeros_at(const char *p, size_t n, size_t first)
{
	size_t at = 0;
	for (size_t unit = first; at < n; unit = HOLE_UNIT) {
		if (unit > n - at)
			unit = n - at;
		if (p[at] != 0 || p[at + unit - 1] != 0 ||
			memcmp(p + at, p + at + 1, unit - 1) != 0)
			break;
		at += unit;
	}
	return at;
}

static int write_at(int fd, const char *p, size_t n, uint64_t at, const char *path, struct err *err)
{
	while (n) {
		ssize_t put = pwrite(fd, p, n, (off_t)at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_sys(err, "cannot write '%s'", path);
		p += put;
		at += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

/* One piece of content. *end: how far the file reaches by now. */
static int write_piece(int fd, const char *p, size_t n, uint64_t at, uint64_t *end,
	const char *path, struct err *err)
{
	size_t start = 0, unit = -at & (HOLE_UNIT - 1);
	if (unit == 0)
		unit = HOLE_UNIT;
	/* runs of zeros are looked for in whole units of the file; pieces that follow one another
	 * share a unit */
	for (size_t look = 0; n >= HOLE_MIN && look < n;) {
		size_t zeros = zeros_at(p + look, n - look, unit);
		if (zeros < HOLE_MIN) {
			look += zeros ? zeros : unit;
			unit = HOLE_UNIT;
			continue;
		}
		if (look > start &&
			write_at(fd, p + start, look - start, at + start, path, err) < 0)
			return err->code;
		if (look > start)
			*end = at + look;
		look += zeros;
		start = look;
		unit = HOLE_UNIT;
	}
	if (start < n) {
		if (write_at(fd, p + start, n - start, at + start, path, err) < 0)
			return err->code;
		*end = at + n;
	}
	return 0;
}

static int write_content(
	struct apply *a, int fd, const struct tar_entry *e, const char *path, struct err *err)
{
	uint64_t end = 0;
	for (;;) {
		const void *p;
		size_t n;
		uint64_t at;
		int ret = tar_reader_data(a->tar, &p, &n, &at, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			break;
		if (write_piece(fd, p, n, at, &end, path, err) < 0)
			return err->code;
	}
	if (end < e->size && ftruncate(fd, (off_t)e->size) < 0)
		return err_sys(err, "cannot set the size of '%s'", path);
	return 0;
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
	if (write_content(a, fd, e, p->path, err) < 0)
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
	if (((e->mode & 06000) || p->shaped || !fresh) && fchmod(fd, e->mode & 07777) < 0)
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
	if (mkdirat(p->dir, p->name, e->mode & 01777) < 0) {
		struct stat st;
		if (errno != EEXIST)
			return err_sys(err, "cannot create '%s'", p->path);
		if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, "cannot stat '%s'", p->path);
		fresh = !S_ISDIR(st.st_mode);
		if (fresh && (clear_way(a, p, err) < 0))
			return err->code;
		if (fresh && mkdirat(p->dir, p->name, e->mode & 01777) < 0)
			return err_sys(err, "cannot create '%s'", p->path);
		/* a whiteout or a file of this layer hid what lies below: it stays hidden */
		hides = fresh && !(a->opts->flags & APPLY_PLAIN);
	}
	bool plain =
		fresh && !hides && !p->chown && !(e->mode & 06000) && !p->shaped && !e->n_xattrs;
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

/* Whether ".." in a name is an error. */
static bool is_strict(const struct apply_opts *o)
{
	return !(o->flags & APPLY_PLAIN) || (o->flags & APPLY_CONTEXT);
}

static int link_to(
	struct apply *a, const struct tar_entry *e, const struct place *p, struct err *err)
{
	char target[PATH_MAX];
	if (apply_clean(e->link, is_strict(a->opts), target, err) < 0)
		return err_wrap(err, "hard link '%s'", p->path);
	if (!*target)
		return err_set(err, ERR_INVALID, "'%s': hard link to the root", p->path);
	const char *name;
	AUTO_FD int dir = root_open_parent(a->root, target, &name);
	struct stat to, old;
	if (dir < 0 || fstatat(dir, name, &to, AT_SYMLINK_NOFOLLOW) < 0)
		return link_error(e, p, err);
	if (S_ISDIR(to.st_mode) || (S_ISCHR(to.st_mode) && to.st_rdev == 0))
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

static int make_whiteout(struct apply *a, const struct place *p, struct err *err);

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

/* 1: the entry was a whiteout and is done with; 0: it is an ordinary one. */
static int apply_whiteout(struct apply *a, struct place *p, struct err *err)
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

bool apply_is_meta(const char *path)
{
	return str_has_prefix(path, ".wh..wh.")
	               ? !streq(path, WHITEOUT_OPAQUE)
	               : strstr(path, "/.wh..wh.") && !str_has_suffix(path, "/" WHITEOUT_OPAQUE);
}

static bool below_whiteout(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (str_has_prefix(p, WHITEOUT_PREFIX) && strchr(p, '/'))
			return true;
	}
	return false;
}

/* The root itself. docker leaves the target of ADD as it is, whatever such an entry is. */
static int apply_root(struct apply *a, const struct tar_entry *e, struct place *p, struct err *err)
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

static int apply_entry(struct apply *a, const struct tar_entry *e, struct err *err)
{
	char path[PATH_MAX];
	const struct apply_opts *o = a->opts;
	if (apply_clean(e->path, is_strict(o), path, err) < 0)
		return err->code;
	struct place p = {
		.path = path,
		.uid = o->flags & APPLY_CHOWN ? o->uid : (uid_t)e->uid,
		.gid = o->flags & APPLY_CHOWN ? o->gid : (gid_t)e->gid,
		.times = {{.tv_nsec = UTIME_OMIT}, {e->mtime, e->mtime_ns}},
	};
	/* docker's archives know times from 1970 to 2262 */
	if ((o->flags & APPLY_PLAIN) && (e->mtime < 0 || e->mtime > TIME_MAX))
		p.times[1] = (struct timespec){0};
	if (e->mtime_ns > 999999999)
		return err_set(err, ERR_INVALID, "'%s': modification time is not valid", path);
	if (!*path)
		return apply_root(a, e, &p, err);
	bool whiteouts = !(o->flags & APPLY_CONTEXT);
	if (whiteouts && strstr(path, WHITEOUT_PREFIX)) {
		if (apply_is_meta(path))
			return 0;
		if (below_whiteout(path))
			return err_set(err, ERR_INVALID, "'%s' lies below a whiteout", path);
	}
	if (enter_parent(a, path, &p.name, err) < 0)
		return err->code;
	p.dir = a->parent;
	p.shaped = a->parent_shapes;
	p.chown = !(o->flags & APPLY_NO_OWNER) && (p.shaped || p.uid != a->uid || p.gid != a->gid);
	if (whiteouts && p.name[0] == '.') {
		int ret = apply_whiteout(a, &p, err);
		if (ret != 0)
			return ret < 0 ? ret : 0;
	}
	if (e->hardlink)
		return make_hardlink(a, e, &p, err);
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return make_file(a, e, &p, err);
	case S_IFDIR:
		return make_dir(a, e, &p, err);
	case S_IFLNK:
		return make_symlink(a, e, &p, err);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return make_node(a, e, &p, err);
	default:
		return err_set(err, ERR_INVALID, "'%s' is of an unknown type", path);
	}
}

static int apply_times(struct apply *a, struct err *err)
{
	for (size_t i = 0; i < a->n_times; i++) {
		const struct dir_time *d = a->times[i];
		/* what is no directory any more was replaced by a later entry, which has its own
		 * time */
		AUTO_FD int fd = root_open_nofollow(a->root, d->path, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return err_sys(err, "cannot open '%s'", d->path);
		struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {d->sec, d->ns}};
		if (fd >= 0 && futimens(fd, t) < 0)
			return err_sys(
				err, "cannot set the time of '%s'", *d->path ? d->path : "/");
	}
	return 0;
}

static int apply_all(struct apply *a, uint64_t max_bytes, struct err *err)
{
	uint64_t max_entries =
		a->opts->limits.max_entries ? a->opts->limits.max_entries : ENTRIES_DEFAULT;
	for (;;) {
		struct tar_entry e;
		int ret = tar_reader_next(a->tar, &e, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			break;
		if (++a->entries > max_entries)
			return err_set(err, ERR_LIMIT, "the archive has more than %llu entries",
				(unsigned long long)max_entries);
		/* a sparse file's size is not bounded by the archive's */
		if (e.size > max_bytes)
			return err_set(err, ERR_LIMIT, "'%.200s' is larger than %llu bytes", e.path,
				(unsigned long long)max_bytes);
		a->content += e.size;
		if (a->content > max_bytes)
			return err_set(err, ERR_LIMIT, "the archive holds more than %llu bytes",
				(unsigned long long)max_bytes);
		if (apply_entry(a, &e, err) < 0)
			return err->code;
	}
	forget_parent(a);
	return apply_times(a, err);
}

int apply_archive(struct tar_reader *tar, int dirfd, const struct apply_opts *opts,
	struct apply_stats *ret, struct err *err)
{
	/* the descriptor may be an O_PATH one */
	AUTO_FD int root = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, "cannot open the directory to unpack into");
	struct apply a = {.root = root,
		.opts = opts,
		.tar = tar,
		.parent = -1,
		.uid = geteuid(),
		.gid = getegid()};
	mode_t before = umask(0);
	int code =
		apply_all(&a, opts->limits.max_bytes ? opts->limits.max_bytes : BYTES_DEFAULT, err);
	(void)umask(before);
	forget_parent(&a);
	for (size_t i = 0; i < a.n_times; i++)
		free(a.times[i]);
	free(a.times);
	if (code == 0 && ret)
		*ret = (struct apply_stats){a.entries, a.content};
	return code;
}

int layer_apply(struct reader *in, int dirfd, const struct apply_opts *opts,
	struct apply_stats *ret, struct err *err)
{
	uint64_t max = opts->limits.max_bytes ? opts->limits.max_bytes : BYTES_DEFAULT;
	AUTO_READER struct reader *limited = reader_limit(in, max, "the unpacked archive");
	AUTO_TAR_READER struct tar_reader *tar = NULL;
	if (tar_reader_open(limited, 0, &tar, err) < 0 ||
		apply_archive(tar, dirfd, opts, ret, err) < 0)
		return err->code;
	return tar_reader_drain(tar, err);
}
