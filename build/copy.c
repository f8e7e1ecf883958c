/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/root.h"
#include "base/xattr.h"
#include "build/chmod.h"
#include "layers/apply.h"
#include "run/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40
#define DEPTH_MAX 2048 /* directories below one another in a copied tree */
#define SMALL_FILE (128 * KIB)

struct link_entry {
	dev_t dev;
	ino_t ino;
	char *path; /* where it was copied to, below the root; NULL: free */
};

struct copier {
	const struct copy_work *w;
	bool has_owner;
	uid_t uid;
	gid_t gid;
	bool has_mode;
	struct chmod mode;
	char *buf;
	struct link_entry
		*links; /* open addressing; of files with several names that were copied */
	size_t n_links, cap_links;
};

/*
 * The place a destination names: links followed inside the root, also the last component and also
 * into nothing, as a program would that creates it. New string, clean and relative; NULL with
 * errno.
 */
static char *resolve_dest(int root, const char *path)
{
	AUTO_STRV struct strv todo = STRV_INIT, done = STRV_INIT;
	int links = 0;
	strv_split(&todo, path, '/');
	while (todo.n) {
		AUTO_FREE char *name = xstrdup(todo.v[0]);
		strv_remove(&todo, 0);
		if (!*name || streq(name, "."))
			continue;
		if (streq(name, "..")) {
			if (done.n)
				strv_remove(&done, done.n - 1);
			continue;
		}
		strv_add(&done, name);
		AUTO_FREE char *sofar = strv_join(&done, "/");
		AUTO_FD int fd = root_open(root, sofar, O_PATH | O_NOFOLLOW, 0);
		struct stat st;
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
			return NULL;
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode))
			continue;
		char target[4096];
		ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
		if (n < 0)
			return NULL;
		target[n] = '\0';
		if (++links > LINKS_MAX) {
			errno = ELOOP;
			return NULL;
		}
		strv_remove(&done, done.n - 1);
		if (target[0] == '/')
			strv_done(&done);
		AUTO_STRV struct strv parts = STRV_INIT;
		strv_split(&parts, target, '/');
		for (size_t i = parts.n; i-- > 0;)
			strv_insert(&todo, 0, parts.v[i]);
	}
	return strv_join(&done, "/");
}

/* Directories that a copy implies: 0755, or what --chmod makes of that, and --chown's. */
static int make_dirs(const struct copier *c, const char *path, int *ret_fd, struct err *err)
{
	mode_t mode = c->has_mode ? chmod_apply(&c->mode, S_IFDIR | 0755) : 0755;
	if (root_mkdir_p(c->w->root, path, mode, c->has_owner ? c->uid : 0,
		    c->has_owner ? c->gid : 0, ret_fd) < 0) {
		if (errno == ENOTDIR || errno == EEXIST)
			return err_set(err, ERR_INVALID,
				"cannot copy to '/%s': something on the way is not a directory",
				path);
		return err_sys(err, "cannot make the directory '/%s'", path);
	}
	return 0;
}

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

static void links_forget(struct copier *c)
{
	for (size_t i = 0; i < c->cap_links; i++)
		free(c->links[i].path);
	free(c->links);
	c->links = NULL;
	c->n_links = c->cap_links = 0;
}

static mode_t target_mode(const struct copier *c, const struct stat *st)
{
	return c->has_mode ? chmod_apply(&c->mode, st->st_mode) : st->st_mode & 07777;
}

static int copy_xattrs(int from_fd, int to_fd, struct err *err)
{
	AUTO_XATTRS struct xattrs x = {0};
	if (xattrs_read(from_fd, "", &x, err) < 0)
		return err->code;
	for (size_t i = 0; i < x.n; i++)
		if (xattr_set(to_fd, "", &x.x[i], err) < 0 && err->code != ERR_UNSUPPORTED)
			return err->code;
	return 0;
}

/* Owner, mode, attributes and times of something that is open. */
static int set_metadata(
	const struct copier *c, int from_fd, int to_fd, const struct stat *st, struct err *err)
{
	struct stat now;
	uid_t uid = c->has_owner ? c->uid : st->st_uid;
	gid_t gid = c->has_owner ? c->gid : st->st_gid;
	mode_t mode = target_mode(c, st);
	if (fstat(to_fd, &now) < 0)
		return err_sys(err, "cannot stat what was copied");
	if ((now.st_uid != uid || now.st_gid != gid) && fchown(to_fd, uid, gid) < 0)
		return err_sys(err, "cannot set the owner to %u:%u", uid, gid);
	if (((now.st_mode & 07777) != mode || (mode & 06000)) && fchmod(to_fd, mode) < 0)
		return err_sys(err, "cannot set the mode to %04o", mode);
	if (from_fd >= 0 && copy_xattrs(from_fd, to_fd, err) < 0)
		return err->code;
	struct timespec times[2] = {st->st_mtim, st->st_mtim};
	if (futimens(to_fd, times) < 0)
		return err_sys(err, "cannot set the times");
	return 0;
}

/* A new regular file in place of whatever is there, if it is not a directory. */
static int create_file(int dir, const char *name, mode_t mode, int *ret_fd, struct err *err)
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
	if (size > SMALL_FILE)
		return fs_copy_data(from, to, size);
	for (uint64_t done = 0; done < size;) {
		ssize_t n = read(from, c->buf, SMALL_FILE);
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

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
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
	if (!unchanged(&now, st))
		return err_set(err, ERR_INVALID,
			"'%s' changed during the build; build again when nothing writes to it",
			n->name);
	AUTO_FD int to = -1;
	if (create_file(to_dir, name, target_mode(c, st), &to, err) < 0)
		return err->code;
	if (copy_content(c, from, to, (uint64_t)st->st_size) < 0)
		return err_sys(err, "cannot copy '%s'", n->name);
	if (fstat(from, &now) < 0 || !unchanged(&now, st))
		return err_set(err, ERR_INVALID,
			"'%s' changed during the build; build again when nothing writes to it",
			n->name);
	if (set_metadata(c, from, to, st, err) < 0)
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
	if (fchownat(to_dir, name, c->has_owner ? c->uid : st->st_uid,
		    c->has_owner ? c->gid : st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot set the owner of '%s'", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, target_mode(c, st), 0) < 0)
		return err_sys(err, "cannot set the mode of '%s'", name);
	struct timespec times[2] = {st->st_mtim, st->st_mtim};
	if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot set the times of '%s'", name);
	return 0;
}

static int copy_children(struct copier *c, struct node *n, int from, int to, const char *to_path,
	unsigned depth, struct err *err);

/* A directory onto to_dir/name. What is there keeps its metadata only at the top of a copy. */
static int copy_dir(struct copier *c, struct node *n, int from_dir, int to_dir, const char *to_path,
	const char *name, unsigned depth, struct err *err)
{
	AUTO_FD int from =
		openat(from_dir, n->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return err_sys(err, "cannot open the directory '%s'", n->name);
	/* room for us to write; the real mode comes last */
	if (mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make the directory '%s'", name);
	AUTO_FD int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(err, ERR_INVALID,
			"cannot copy the directory '%s' onto something that is not a directory",
			name);
	if (to < 0)
		return err_sys(err, "cannot open the directory '%s'", name);
	AUTO_FREE char *path = *to_path ? xasprintf("%s/%s", to_path, name) : xstrdup(name);
	if (copy_children(c, n, from, to, path, depth + 1, err) < 0)
		return err->code;
	if (set_metadata(c, from, to, &n->st, err) < 0)
		return err_wrap(err, "'%s'", name);
	return 0;
}

static int copy_node(struct copier *c, struct node *n, int from_dir, int to_dir,
	const char *to_path, const char *name, unsigned depth, struct err *err)
{
	if (S_ISDIR(n->st.st_mode))
		return copy_dir(c, n, from_dir, to_dir, to_path, name, depth, err);
	if (S_ISREG(n->st.st_mode))
		return copy_file(c, n, from_dir, to_dir, to_path, name, err);
	return copy_special(c, n, to_dir, name, err);
}

static int copy_children(struct copier *c, struct node *n, int from, int to, const char *to_path,
	unsigned depth, struct err *err)
{
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "directories are nested more than %d levels deep",
			DEPTH_MAX);
	if (filetree_list(c->w->source, n, err) < 0)
		return err->code;
	for (size_t i = 0; i < n->n_children; i++) {
		struct node *child = n->children[i];
		bool visible;
		if (node_visible(c->w->source, child, &visible, err) < 0)
			return err->code;
		if (visible && copy_node(c, child, from, to, to_path, child->name, depth, err) < 0)
			return err->code;
	}
	return 0;
}

struct unpack {
	int archive, dir;
};

static int unpack_job(void *arg, struct buf *out, struct err *err)
{
	const struct unpack *u = arg;
	const int keep[] = {u->archive};
	struct apply_stats stats;
	struct apply_opts opts = {.flags = APPLY_PLAIN};
	(void)out;
	if (layer_confine(u->dir, keep, ARRAY_LEN(keep), err) < 0)
		return err->code;
	AUTO_FD int here = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (here < 0)
		return err_sys(err, "cannot open the destination");
	return archive_extract(u->archive, here, &opts, &stats, err);
}

/* ADD of a local archive unpacks it into the destination. *ret_done: it was one. */
static int try_unpack(
	struct copier *c, const struct node *n, const char *dest, bool *ret_done, struct err *err)
{
	*ret_done = false;
	if (!S_ISREG(n->st.st_mode) || n->st.st_size == 0)
		return 0;
	AUTO_FREE char *path = node_path(n);
	AUTO_FD int fd = root_open(
		filetree_rootfd(c->w->source), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	bool is_tar;
	if (archive_probe(fd, &is_tar, err) < 0)
		return err_wrap(err, "'%s'", path);
	if (!is_tar)
		return 0;
	AUTO_FREE char *real = resolve_dest(c->w->root, dest);
	AUTO_FD int dir = -1;
	if (!real)
		return err_sys(err, "cannot resolve '%s'", dest);
	if (make_dirs(c, real, &dir, err) < 0)
		return err->code;
	struct unpack u = {.archive = fd, .dir = dir};
	if (job_run(unpack_job, &u, NULL, err) < 0)
		return err_wrap(err, "cannot unpack '%s'", path);
	*ret_done = true;
	return 0;
}

/* The directory that a copy of a thing called `base` to `dest` goes into, and its name there. */
static int place(struct copier *c, const char *dest, const char *base, int *ret_dir,
	char **ret_path, char **ret_name, struct err *err)
{
	bool slash = path_has_trailing_slash(dest);
	if (slash) {
		AUTO_FREE char *top = resolve_dest(c->w->root, dest);
		if (!top)
			return err_sys(err, "cannot resolve '%s'", dest);
		if (make_dirs(c, top, NULL, err) < 0)
			return err->code;
	}
	AUTO_FREE char *real = resolve_dest(c->w->root, dest);
	if (!real)
		return err_sys(err, "cannot resolve '%s'", dest);
	struct stat st;
	bool dest_is_dir = root_lstat(c->w->root, real, &st) == 0 && S_ISDIR(st.st_mode);
	if (dest_is_dir)
		mem_replace(&real, *real ? xasprintf("%s/%s", real, base) : xstrdup(base));
	const char *last = strrchr(real, '/');
	AUTO_FREE char *parent = last ? xstrndup(real, (size_t)(last - real)) : xstrdup("");
	if (make_dirs(c, parent, ret_dir, err) < 0)
		return err->code;
	*ret_name = xstrdup(last ? last + 1 : real);
	*ret_path = take(parent);
	return 0;
}

/*
 * What a directory that is named as a source holds goes into the destination. The directory itself
 * is not copied: the destination keeps its owner and mode or gets those of implied directories; but
 * its time becomes the source's, as BuildKit has it.
 */
static int copy_top_dir(struct copier *c, struct node *n, int from_parent, struct err *err)
{
	AUTO_FD int from = openat(from_parent, *n->name ? n->name : ".",
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return err_sys(err, "cannot open '%s'", n->name);
	AUTO_FREE char *real = resolve_dest(c->w->root, c->w->step->dest);
	AUTO_FD int to = -1;
	if (!real)
		return err_sys(err, "cannot resolve '%s'", c->w->step->dest);
	if (make_dirs(c, real, &to, err) < 0 || copy_children(c, n, from, to, real, 0, err) < 0)
		return err->code;
	struct timespec times[2] = {n->st.st_mtim, n->st.st_mtim};
	if (futimens(to, times) < 0)
		return err_sys(err, "cannot set the times of '/%s'", real);
	return 0;
}

static int copy_match(struct copier *c, const struct match *m, struct err *err)
{
	const struct step *s = c->w->step;
	struct node *n = m->node;
	if (n->link && filetree_lookup(c->w->source, m->path, true, &n, err) < 0)
		return err->code;
	if (!n)
		return err_set(err, ERR_NOT_FOUND, "'%s' is a link to nothing", m->path);
	if (s->add) {
		bool done;
		if (try_unpack(c, n, s->dest, &done, err) < 0 || done)
			return err->code;
	}
	links_forget(c);
	AUTO_FREE char *source_dir = n->parent ? node_path(n->parent) : xstrdup("");
	AUTO_FD int from =
		root_open(filetree_rootfd(c->w->source), source_dir, O_PATH | O_DIRECTORY, 0);
	if (from < 0)
		return err_sys(err, "cannot open '%s'", source_dir);
	if (S_ISDIR(n->st.st_mode))
		return copy_top_dir(c, n, from, err);
	AUTO_FD int to = -1;
	AUTO_FREE char *path = NULL, *name = NULL;
	if (place(c, s->dest, path_base(m->path), &to, &path, &name, err) < 0)
		return err->code;
	return copy_node(c, n, from, to, path, name, 0, err);
}

static int copy_inline(struct copier *c, const struct inline_file *f, struct err *err)
{
	AUTO_FD int dir = -1, fd = -1;
	AUTO_FREE char *path = NULL, *name = NULL;
	if (place(c, c->w->step->dest, f->name, &dir, &path, &name, err) < 0 ||
		create_file(dir, name, 0644, &fd, err) < 0)
		return err->code;
	if (fs_write_all(fd, f->content, f->len) < 0)
		return err_sys(err, "cannot write '%s'", name);
	struct stat st = {.st_mode = S_IFREG | 0644};
	mode_t mode = target_mode(c, &st);
	if (fchown(fd, c->has_owner ? c->uid : 0, c->has_owner ? c->gid : 0) < 0 ||
		fchmod(fd, mode) < 0)
		return err_sys(err, "cannot set the owner and mode of '%s'", name);
	return 0;
}

static int copy_sources(struct copier *c, struct err *err)
{
	const struct step *s = c->w->step;
	for (size_t i = 0; i < s->n_inlines; i++)
		if (copy_inline(c, &s->inlines[i], err) < 0)
			return err->code;
	for (size_t i = 0; i < s->sources.n; i++) {
		struct match *m = NULL;
		size_t n = 0;
		if (filetree_glob(c->w->source, s->sources.v[i], &m, &n, err) < 0)
			return err->code;
		int rc = 0;
		if (!n && !strpbrk(s->sources.v[i], "*?["))
			rc = err_set(
				err, ERR_NOT_FOUND, "no file '%s' in the source", s->sources.v[i]);
		for (size_t k = 0; rc == 0 && k < n; k++)
			rc = copy_match(c, &m[k], err);
		matches_free(m, n);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int copy_run(const struct copy_work *w, struct err *err)
{
	struct copier c = {.w = w};
	const struct step *s = w->step;
	if (s->chown) {
		if (user_resolve_chown(w->root, s->chown, &c.uid, &c.gid, err) < 0)
			return err_wrap(err, "--chown=%s", s->chown);
		c.has_owner = true;
	}
	c.has_mode = s->chmod != NULL;
	if (c.has_mode && !chmod_parse(s->chmod, &c.mode))
		return err_set(err, ERR_INVALID, "--chmod=%s is not a mode", s->chmod);
	umask(0);
	c.buf = xmalloc(SMALL_FILE);
	int rc = copy_sources(&c, err);
	links_forget(&c);
	free(c.buf);
	return rc;
}

int workdir_run(const struct step *s, int root, struct err *err)
{
	struct user u = {0};
	if (s->user && *s->user && user_resolve(root, s->user, &u, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return err->code;
		u = (struct user){ 0 }; /* BuildKit: a user that the image does not know makes root's directory */
	}
	AUTO_FREE char *real = resolve_dest(root, s->dest);
	if (!real)
		return err_sys(err, "cannot resolve '%s'", s->dest);
	umask(0);
	if (root_mkdir_p(root, real, 0755, u.uid, u.gid, NULL) < 0) {
		if (errno == ENOTDIR || errno == EEXIST)
			return err_set(err, ERR_INVALID,
				"WORKDIR %s: something on the way is not a directory", s->dest);
		return err_sys(err, "cannot make the directory '%s'", s->dest);
	}
	return 0;
}
