/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy_archive.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/root.h"
#include "base/stream.h"
#include "base/xattr.h"
#include "build/copy_internal.h"
#include "build/remote_file.h"
#include "build/selection.h"
#include "layers/layer_write.h"
#include "layers/tar_content.h"
#include "layers/tar_write.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONE SIZE_MAX

/* What is taken of the source, in the order of a walk. */
struct taken {
	struct node *n;
	size_t end; /* of what lies below it; while the walk is there: the directory it came from */
};

struct copy_archive {
	struct copier *c;
	struct node *top;
	char *dest; /* below the root, without links */
	size_t existing; /* the length of the part of it that is there already */
	int dest_fd; /* -1: all of it is new */
	struct timespec now;

	struct taken *t;
	size_t n, cap, inside; /* the directory that the walk is in, or NONE */
	uint64_t files, bytes;
	bool unfit;

	/* while the tar is made */
	struct tar_writer *tar;
	struct layer_count *count;
	struct links *links;
	struct buf path;
};

/* --- what there is to do --- */

/* A new name, or one that a file takes from something that is no directory. */
static bool is_free(const struct copy_archive *a, const struct node *n)
{
	struct stat st;
	if (a->dest_fd < 0 || n->parent != a->top)
		return true;
	if (fstatat(a->dest_fd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return !S_ISDIR(n->st.st_mode) && !S_ISDIR(st.st_mode);
}

static void take_node(struct copy_archive *a, struct node *n, size_t end)
{
	a->unfit = a->unfit || str_has_prefix(n->name, WHITEOUT_PREFIX) || !is_free(a, n);
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 256;
		a->t = xreallocarray(a->t, a->cap, sizeof(*a->t));
	}
	a->t[a->n++] = (struct taken){.n = n, .end = end};
}

static int enter_dir(void *arg, struct node *n, struct err *err)
{
	struct copy_archive *a = arg;
	(void)err;
	take_node(a, n, a->inside);
	a->inside = a->n - 1;
	return 0;
}

static int leave_dir(void *arg, struct node *n, struct err *err)
{
	struct copy_archive *a = arg;
	struct taken *dir = &a->t[a->inside];
	(void)n;
	(void)err;
	a->inside = dir->end;
	dir->end = a->n;
	return 0;
}

static int met_leaf(void *arg, struct node *n, struct err *err)
{
	struct copy_archive *a = arg;
	(void)err;
	a->unfit = a->unfit || !(S_ISREG(n->st.st_mode) || S_ISLNK(n->st.st_mode));
	take_node(a, n, a->n + 1);
	a->files++;
	a->bytes += S_ISREG(n->st.st_mode) ? (uint64_t)n->st.st_size : 0;
	return 0;
}

/* What is made in such a directory belongs to its group, and directories get the bit. */
static bool gives_group(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 || (st.st_mode & S_ISGID);
}

/* The destination, as far as it is there. */
static int find_dest(struct copy_archive *a, struct err *err)
{
	const struct copy_work *w = a->c->w;
	a->dest = root_resolve(w->root, w->step->dest);
	if (!a->dest)
		return err_sys(err, "cannot resolve '%s'", w->step->dest);
	size_t len = strlen(a->dest);
	for (size_t end = 0;;) {
		AUTO_FREE char *path = xstrndup(a->dest, end);
		AUTO_FD int fd = root_open(w->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		if (fd < 0) {
			a->unfit = a->unfit || errno != ENOENT;
			return 0;
		}
		a->existing = end;
		if (end == len) {
			a->unfit = false;
			a->dest_fd = take_fd(&fd);
			return 0;
		}
		a->unfit = gives_group(fd);
		end += end > 0;
		end += strcspn(a->dest + end, "/");
	}
}

/* --- the tar --- */

static int enter_name(struct copy_archive *a, const char *name, struct err *err)
{
	if (a->path.len)
		buf_addch(&a->path, '/');
	buf_addstr(&a->path, name);
	if (a->path.toobig)
		return err_set(err, ERR_LIMIT, "a path is longer than %d bytes: '%.60s...'",
			PATH_MAX - 1, a->path.data);
	return 0;
}

static int put_header(struct copy_archive *a, const struct tar_entry *e, struct err *err)
{
	a->count->entries++;
	return tar_writer_header(a->tar, e, err);
}

static struct tar_entry entry_of(const struct copy_archive *a, const struct stat *st)
{
	const struct copier *c = a->c;
	const struct timespec time = copy_time(c, st);
	return (struct tar_entry){
		.path = a->path.data,
		.mode = (st->st_mode & S_IFMT) | copy_mode(c, st),
		.uid = c->has_owner ? c->uid : st->st_uid,
		.gid = c->has_owner ? c->gid : st->st_gid,
		.mtime = time.tv_sec,
		.mtime_ns = (uint32_t)time.tv_nsec,
	};
}

static int put_file(struct copy_archive *a, int dirfd, const struct node *n, struct err *err)
{
	struct tar_entry e = entry_of(a, &n->st);
	struct stat now;
	if (n->st.st_nlink > 1 && (e.link = links_meet(a->links, &n->st, e.path))) {
		e.hardlink = true;
		return put_header(a, &e, err);
	}
	AUTO_FD int fd = openat(dirfd, n->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &now) < 0)
		return err_sys(err, "cannot open '%s'", n->name);
	if (!copy_unchanged(&now, &n->st))
		return copy_changed_error(n, err);
	AUTO_XATTRS struct xattrs x = {0};
	if (filetree_xattrs(a->c->source, fd, &x, err) < 0)
		return err_wrap(err, "'%s'", n->name);
	e.xattrs = x.x;
	e.n_xattrs = x.n;
	e.size = (uint64_t)now.st_size;
	a->count->content += e.size;
	if (put_header(a, &e, err) < 0 || tar_writer_file(a->tar, fd, &now, e.path, err) < 0)
		return err->code;
	if (fstat(fd, &now) < 0 || !copy_unchanged(&now, &n->st))
		return copy_changed_error(n, err);
	return 0;
}

static int put_symlink(struct copy_archive *a, const struct node *n, struct err *err)
{
	struct tar_entry e = entry_of(a, &n->st);
	e.mode = S_IFLNK | 0777;
	e.link = n->link;
	return put_header(a, &e, err);
}

/* The entry of a directory with its attributes, which are read from fd. */
static int put_dir(struct copy_archive *a, int fd, struct tar_entry *e, struct err *err)
{
	AUTO_XATTRS struct xattrs x = {0};
	if (fd >= 0 && filetree_xattrs(a->c->source, fd, &x, err) < 0)
		return err_wrap(err, "'%s'", e->path);
	e->xattrs = x.x;
	e->n_xattrs = x.n;
	return put_header(a, e, err);
}

static int open_dir(int dirfd, const char *name, int *ret, struct err *err)
{
	*ret = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, "cannot open the directory '%s'", name) : 0;
}

/* A name in the order of paths, in which a directory comes twice: see walk.h. */
struct item {
	size_t at;
	const char *name;
	bool descend;
};

static int compare_items(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	size_t i = 0;
	while (a->name[i] && a->name[i] == b->name[i])
		i++;
	unsigned char x = a->name[i] || !a->descend ? (unsigned char)a->name[i] : '/';
	unsigned char y = b->name[i] || !b->descend ? (unsigned char)b->name[i] : '/';
	return x - y;
}

static int put_below(struct copy_archive *a, int fd, size_t from, size_t to, struct err *err);

static int put_item(struct copy_archive *a, int dirfd, const struct item *item, struct err *err)
{
	size_t before = a->path.len;
	const struct taken *t = &a->t[item->at];
	AUTO_FD int fd = -1;
	if (enter_name(a, item->name, err) < 0)
		return err->code;
	int rc = 0;
	if (item->descend || (S_ISDIR(t->n->st.st_mode) && !t->n->no_xattrs))
		rc = open_dir(dirfd, item->name, &fd, err);
	if (rc == 0 && item->descend) {
		rc = put_below(a, fd, item->at + 1, t->end, err);
	} else if (rc == 0 && S_ISDIR(t->n->st.st_mode)) {
		struct tar_entry e = entry_of(a, &t->n->st);
		rc = put_dir(a, fd, &e, err);
	} else if (rc == 0 && S_ISLNK(t->n->st.st_mode)) {
		rc = put_symlink(a, t->n, err);
	} else if (rc == 0) {
		rc = put_file(a, dirfd, t->n, err);
	}
	buf_remove(&a->path, before, a->path.len - before);
	return rc;
}

/* What is taken in one directory of the source, open as fd. */
static int put_below(struct copy_archive *a, int fd, size_t from, size_t to, struct err *err)
{
	size_t n = 0, dirs = 0;
	for (size_t i = from; i < to; i = a->t[i].end, n++)
		dirs += S_ISDIR(a->t[i].n->st.st_mode);
	AUTO_FREE struct item *items = xcalloc(n + dirs, sizeof(*items));
	n = 0;
	for (size_t i = from; i < to; i = a->t[i].end) {
		const struct node *node = a->t[i].n;
		items[n++] = (struct item){.at = i, .name = node->name};
		if (S_ISDIR(node->st.st_mode))
			items[n++] = (struct item){.at = i, .name = node->name, .descend = true};
	}
	if (dirs)
		qsort(items, n, sizeof(*items), compare_items);
	for (size_t i = 0; i < n; i++)
		if (put_item(a, fd, &items[i], err) < 0)
			return err->code;
	return 0;
}

/* One directory on the way to the destination, or that itself: its path is the first `end` bytes.
 * What is there stays what it is, but for the time when something is made in it. */
static int put_way(struct copy_archive *a, size_t end, struct err *err)
{
	const struct copier *c = a->c;
	AUTO_FREE char *path = xstrndup(a->dest, end);
	AUTO_FD int fd = -1;
	struct stat st = {.st_mode = S_IFDIR | copy_dir_mode(c),
		.st_uid = c->has_owner ? c->uid : 0,
		.st_gid = c->has_owner ? c->gid : 0,
		.st_mtim = a->now};
	if (end <= a->existing) {
		fd = root_open(c->w->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		if (fd < 0 || owner_stat(fd, &st) < 0)
			return err_sys(err, "cannot open '/%s'", path);
		if (end == a->existing)
			st.st_mtim = a->now;
	}
	if (!a->dest[end])
		st.st_mtim = copy_time(c, &a->top->st);
	struct tar_entry e = {
		.path = path,
		.mode = st.st_mode,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mtime = st.st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st.st_mtim.tv_nsec,
	};
	return put_dir(a, fd, &e, err);
}

static int put_all(void *arg, struct tar_writer *to, struct layer_count *count, struct err *err)
{
	struct copy_archive *a = arg;
	AUTO_LINKS struct links *links = links_new();
	AUTO_FREE char *top = node_path(a->top);
	AUTO_FD int fd = root_open(
		filetree_rootfd(a->c->source), top, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return err_sys(err, "cannot open the directory '%s'", top);
	a->tar = to;
	a->count = count;
	a->links = links;
	a->path = (struct buf)BUF_INIT(PATH_MAX - 1);
	int rc = 0;
	for (size_t end = 0; rc == 0 && a->dest[end];) {
		end += end > 0;
		end += strcspn(a->dest + end, "/");
		rc = put_way(a, end, err);
	}
	buf_addstr(&a->path, a->dest);
	if (rc == 0)
		rc = put_below(a, fd, 0, a->n, err);
	buf_done(&a->path);
	return rc;
}

/* --- one source --- */

static int archive_dir(struct copy_archive *a, const struct selection *sel,
	const struct diff_opts *opts, int blob, struct layer *ret, bool *ret_done, struct err *err)
{
	const struct walk w = {.enter = enter_dir, .leave = leave_dir, .met = met_leaf, .arg = a};
	if (find_dest(a, err) < 0)
		return err->code;
	if (a->unfit || strstr(a->dest, WHITEOUT_PREFIX))
		return 0;
	if (selection_walk(sel, a->c->source, a->top, &w, NULL, err) < 0)
		return err->code;
	bool large = a->files >= LAYER_LARGE_FILES || a->bytes >= LAYER_LARGE_BYTES;
	if (a->unfit || !large)
		return 0;
	AUTO_WRITER struct writer *out = writer_to_fd(blob, "the layer's blob");
	const struct layer_write l = {.put = put_all, .arg = a, .large = true, .dir = blob};
	*ret_done = true;
	return layer_write(&l, opts, out, ret, err);
}

/* The directory that the step copies, if that is all it does. */
static int only_dir(struct copier *c, struct selection *sel, struct node **ret, struct err *err)
{
	const struct step *s = c->w->step;
	struct match *m = NULL;
	size_t n = 0;
	*ret = NULL;
	if (selection_init(sel, s->sources.v[0], s->parents, &s->excludes, err) < 0)
		return err->code;
	int rc = filetree_glob(c->source, sel->root, &m, &n, err);
	if (rc == 0 && n == 1)
		*ret = m[0].node;
	if (rc == 0 && *ret && (*ret)->link)
		rc = filetree_lookup(c->source, m[0].path, true, ret, err);
	if (*ret && !S_ISDIR((*ret)->st.st_mode))
		*ret = NULL;
	matches_free(m, n);
	return rc;
}

int copy_archive(const struct copy_work *w, const struct diff_opts *opts, int blob,
	struct layer *ret, bool *ret_done, struct err *err)
{
	const struct step *s = w->step;
	AUTO_SELECTION struct selection sel = {0};
	struct copier c;
	struct node *top;
	*ret_done = false;
	if (s->kind != STEP_COPY || s->link || s->n_inlines || s->sources.n != 1 ||
		(s->n_remote && s->remote[0]))
		return 0;
	if (copier_init(&c, w, err) < 0)
		return err->code;
	c.source = w->source;
	if (only_dir(&c, &sel, &top, err) < 0 || !top)
		return err->code;
	struct copy_archive a = {
		.c = &c, .top = top, .dest_fd = -1, .now = clock_now(), .inside = NONE};
	int rc = archive_dir(&a, &sel, opts, blob, ret, ret_done, err);
	mem_close_p(&a.dest_fd);
	free(a.dest);
	free(a.t);
	return rc;
}
