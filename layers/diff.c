/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/diff.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/room.h"
#include "base/stream.h"
#include "base/xattr.h"
#include "layers/layer_write.h"
#include "layers/stack.h"
#include "layers/tar_content.h"
#include "layers/tar_write.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct diff {
	const struct diff_opts *opts;
	struct tar_writer *tar;
	struct links *links;
	struct buf path;
	struct layer_count count;
};

static void entry_from_stat(const struct diff *d, const struct stat *st, struct tar_entry *e)
{
	*e = (struct tar_entry){
		.path = d->path.data,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	};
	const struct diff_opts *o = d->opts;
	if (o->force ||
		(o->clamp && (e->mtime > o->clamp_s || (e->mtime == o->clamp_s && e->mtime_ns)))) {
		e->mtime = o->clamp_s;
		e->mtime_ns = 0;
	}
}

static int put_header(struct diff *d, const struct tar_entry *e, struct err *err)
{
	d->count.entries++;
	return tar_writer_header(d->tar, e, err);
}

/* A further name of a file that is in the archive already: 1, it was written; 0, it was not. */
static int put_hardlink(struct diff *d, const struct stat *st, struct tar_entry *e, struct err *err)
{
	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 0;
	e->link = links_meet(d->links, st, e->path);
	if (!e->link)
		return 0;
	e->hardlink = true;
	return put_header(d, e, err) < 0 ? err->code : 1;
}

static int put_file(struct diff *d, int dirfd, const char *name, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || owner_stat(fd, &st) < 0)
		return err_sys(err, "cannot open '%s'", d->path.data);
	if (!S_ISREG(st.st_mode))
		return tar_changed_error(d->path.data, err);
	struct tar_entry e;
	entry_from_stat(d, &st, &e);
	int ret = put_hardlink(d, &st, &e, err);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	AUTO_XATTRS struct xattrs x = {0};
	if (xattrs_read(fd, "", &x, err) < 0)
		return err_wrap(err, "'%s'", d->path.data);
	e.xattrs = x.x;
	e.n_xattrs = x.n;
	e.size = (uint64_t)st.st_size;
	d->count.content += e.size;
	if (put_header(d, &e, err) < 0)
		return err->code;
	return d->opts->sizes ? tar_writer_zeros(d->tar, e.size, err)
	                      : tar_writer_file(d->tar, fd, &st, d->path.data, err);
}

/* The directory itself; what is in it comes at its place in the order. */
static int put_dir(struct diff *d, int dirfd, const char *name, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || owner_stat(fd, &st) < 0)
		return err_sys(err, "cannot open '%s'", d->path.data);
	AUTO_XATTRS struct xattrs x = {0};
	if (xattrs_read(fd, "", &x, err) < 0)
		return err_wrap(err, "'%s'", d->path.data);
	struct tar_entry e;
	entry_from_stat(d, &st, &e);
	e.xattrs = x.x;
	e.n_xattrs = x.n;
	return put_header(d, &e, err);
}

/* Links, devices and fifos. Their attributes never travel: user.* cannot be on them, and
 * capabilities mean nothing. */
static int put_other(struct diff *d, int dirfd, const char *name, struct err *err)
{
	struct stat st;
	if (owner_stat_at(dirfd, name, &st) < 0)
		return err_sys(err, "cannot stat '%s'", d->path.data);
	bool device = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
	if (S_ISSOCK(st.st_mode) || (device && d->opts->no_devices))
		return 0;
	struct tar_entry e;
	entry_from_stat(d, &st, &e);
	int ret = put_hardlink(d, &st, &e, err);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	char target[PATH_MAX];
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);
		if (n < 0)
			return err_sys(err, "cannot read link '%s'", d->path.data);
		target[n] = '\0';
		e.link = target;
		e.mode = S_IFLNK | 0777;
	} else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		return tar_changed_error(d->path.data, err);
	}
	e.major = major(st.st_rdev);
	e.minor = minor(st.st_rdev);
	return put_header(d, &e, err);
}

/* An empty file of a fixed name says what is gone. Its own times and owners have no meaning. */
static int put_whiteout(struct diff *d, struct err *err)
{
	struct tar_entry e = {.path = d->path.data, .mode = S_IFREG};
	return put_header(d, &e, err);
}

static int path_push(struct diff *d, const char *prefix, const char *name, struct err *err)
{
	if (d->path.len)
		buf_addch(&d->path, '/');
	buf_addstr(&d->path, prefix);
	buf_addstr(&d->path, name);
	if (d->path.toobig)
		return err_set(err, ERR_LIMIT, "a path is longer than %d bytes: '%.60s...'",
			PATH_MAX - 1, d->path.data);
	return 0;
}

static int put_tree(struct diff *d, const struct stack *s, struct err *err);

static int put_content(
	struct diff *d, const struct stack *s, const struct stack_item *k, struct err *err)
{
	AUTO_STACK struct stack sub = {.below = -1};
	return stack_enter(s, k->at, k->item.name, &d->path, &sub, err) < 0
	               ? err->code
	               : put_tree(d, &sub, err);
}

static int put_item(
	struct diff *d, const struct stack *s, const struct stack_item *k, struct err *err)
{
	const struct walk_item *item = &k->item;
	int dirfd = s->dirs[k->at];
	size_t before = d->path.len;
	if (!item->whiteout && !d->opts->plain && str_has_prefix(item->name, WHITEOUT_PREFIX)) {
		if (item->descend)
			return 0;
		return err_set(err, ERR_UNSUPPORTED,
			"'%s%s%s': names that begin with '.wh.' cannot be stored in a layer",
			buf_str(&d->path), before ? "/" : "", item->name);
	}
	if (path_push(d, item->whiteout ? WHITEOUT_PREFIX : "", item->name, err) < 0)
		return err->code;
	int ret;
	if (item->whiteout) {
		ret = put_whiteout(d, err);
	} else if (item->descend) {
		ret = put_content(d, s, k, err);
	} else if (item->type == DT_REG) {
		ret = put_file(d, dirfd, item->name, err);
	} else if (item->type == DT_DIR) {
		ret = put_dir(d, dirfd, item->name, err);
	} else {
		ret = put_other(d, dirfd, item->name, err);
	}
	buf_remove(&d->path, before, d->path.len - before);
	return ret;
}

static int put_tree(struct diff *d, const struct stack *s, struct err *err)
{
	size_t before = d->path.len;
	if (stack_is_opaque(s)) {
		if (path_push(d, "", WHITEOUT_OPAQUE, err) < 0 || put_whiteout(d, err) < 0)
			return err->code;
		buf_remove(&d->path, before, d->path.len - before);
	}
	AUTO_STACK_LIST struct stack_list list = {0};
	if (stack_list(s, before ? d->path.data : "/", &list, err) < 0)
		return err->code;
	for (size_t i = 0; i < list.n; i++)
		if (put_item(d, s, &list.items[i], err) < 0)
			return err->code;
	return 0;
}

static int put_part(struct diff *d, const struct tree_part *part, struct err *err)
{
	AUTO_LINKS struct links *links = links_new();
	AUTO_STACK struct stack s = {.below = -1};
	if (stack_open_one(part->dir, &s, err) < 0)
		return err->code;
	d->links = links;
	if (part->prefix) {
		struct stat st = {.st_mode = S_IFDIR | 0755};
		struct tar_entry e;
		if (path_push(d, "", part->prefix, err) < 0)
			return err->code;
		entry_from_stat(d, &st, &e);
		if (put_header(d, &e, err) < 0)
			return err->code;
	}
	int code = put_tree(d, &s, err);
	buf_clear(&d->path);
	return code;
}

struct archive {
	const struct tree_part *parts;
	size_t n;
	const struct diff_opts *opts;
};

static int put_parts(void *arg, struct tar_writer *to, struct layer_count *count, struct err *err)
{
	const struct archive *a = arg;
	struct diff d = {.opts = a->opts, .tar = to, .path = BUF_INIT(PATH_MAX - 1)};
	int code = 0;
	for (size_t i = 0; code == 0 && i < a->n; i++)
		code = put_part(&d, &a->parts[i], err);
	buf_done(&d.path);
	*count = d.count;
	return code;
}

struct counter {
	struct writer w;
	uint64_t bytes;
};

static int count_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	(void)p;
	(void)err;
	((struct counter *)w)->bytes += n;
	return 0;
}

typedef int (*put_fn)(void *arg, struct tar_writer *to, struct layer_count *count, struct err *err);

/* How large the tar is that put makes with arg; 0: it cannot be made. */
static uint64_t tar_size(put_fn put, void *arg)
{
	struct counter counter = {.w = {.write = count_write}};
	AUTO_TAR_WRITER struct tar_writer *tar = tar_writer_new(&counter.w);
	struct layer_count ignored;
	struct err err = ERR_INIT;
	return put(arg, tar, &ignored, &err) < 0 || tar_writer_end(tar, &err) < 0 ? 0
	                                                                          : counter.bytes;
}

int tree_archive(const struct tree_part *parts, size_t n, const struct diff_opts *opts,
	struct writer *out, struct err *err)
{
	AUTO_TAR_WRITER struct tar_writer *tar = tar_writer_new(out);
	struct archive a = {.parts = parts, .n = n, .opts = opts};
	struct layer_count ignored;
	if (put_parts(&a, tar, &ignored, err) == 0 && tar_writer_end(tar, err) == 0)
		return 0;
	if (room_is_short(err))
		room_need(tree_archive_size(parts, n, opts), err);
	return err->code;
}

uint64_t tree_archive_size(const struct tree_part *parts, size_t n, const struct diff_opts *opts)
{
	struct diff_opts sizes = *opts;
	struct archive a = {.parts = parts, .n = n, .opts = &sizes};
	sizes.sizes = true;
	return tar_size(put_parts, &a);
}

struct weight {
	uint64_t bytes, files;
};

/* Counts until the tree is known to be large; errors and sizes are found again, and reported, when
 * it is archived. */
static bool is_large(int dirfd, const char *name, struct weight *w, unsigned depth)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	AUTO_WALK_LIST struct walk_list list = {0};
	struct err err = ERR_INIT;
	if (fd < 0 || depth > 64 || walk_list_read(fd, "", &list, &err) < 0)
		return false;
	w->files += list.n;
	for (size_t i = 0;
		i < list.n && w->files < LAYER_LARGE_FILES && w->bytes < LAYER_LARGE_BYTES; i++) {
		struct stat st;
		if (list.items[i].descend)
			(void)is_large(fd, list.items[i].name, w, depth + 1);
		else if (list.items[i].type == DT_REG &&
			 fstatat(fd, list.items[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			w->bytes += (uint64_t)st.st_size;
	}
	return w->files >= LAYER_LARGE_FILES || w->bytes >= LAYER_LARGE_BYTES;
}

bool layer_diff_is_empty(int upper)
{
	AUTO_FD int fd = openat(upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_WALK_LIST struct walk_list list = {0};
	struct err err = ERR_INIT;
	return fd >= 0 && !whiteout_is_opaque(fd) && walk_list_read(fd, "/", &list, &err) == 0 &&
	       list.n == 0;
}

struct stacked {
	const int *layers;
	size_t n;
	int below;
	const struct diff_opts *opts;
};

static int put_stacked(void *arg, struct tar_writer *to, struct layer_count *count, struct err *err)
{
	const struct stacked *a = arg;
	AUTO_LINKS struct links *links = links_new();
	AUTO_STACK struct stack s = {.below = -1};
	struct diff d = {
		.opts = a->opts, .tar = to, .links = links, .path = BUF_INIT(PATH_MAX - 1)};
	int code = stack_open(a->layers, a->n, a->below, &s, err);
	if (code == 0)
		code = put_tree(&d, &s, err);
	buf_done(&d.path);
	*count = d.count;
	return code;
}

/* of_put: where l's put finds the options. */
static int write_layer(const struct layer_write *l, const struct diff_opts *opts,
	const struct diff_opts **of_put, struct writer *out, struct layer *ret, struct err *err)
{
	struct diff_opts sizes = *opts;
	if (layer_write(l, opts, out, ret, err) == 0)
		return 0;
	if (room_is_short(err)) {
		sizes.sizes = true;
		*of_put = &sizes;
		room_need_most(tar_size(l->put, l->arg), err);
		*of_put = opts;
	}
	return err->code;
}

int layer_diff_stacked(const int *layers, size_t n, int below, const struct diff_opts *opts,
	struct writer *out, struct layer *ret, struct err *err)
{
	struct stacked a = {.layers = layers, .n = n, .below = below, .opts = opts};
	struct weight weight = {0};
	struct layer_write l = {.put = put_stacked, .arg = &a, .dir = layers[0]};
	for (size_t i = 0; i < n && opts->compression != COMPRESSION_NONE && !l.large; i++)
		l.large = is_large(layers[i], ".", &weight, 0);
	return write_layer(&l, opts, &a.opts, out, ret, err);
}

int layer_diff(int upper, const struct diff_opts *opts, struct writer *out, struct layer *ret,
	struct err *err)
{
	const struct tree_part part = {.dir = upper};
	struct archive a = {.parts = &part, .n = 1, .opts = opts};
	struct weight weight = {0};
	const struct layer_write l = {
		.put = put_parts,
		.arg = &a,
		.large = opts->compression != COMPRESSION_NONE && is_large(upper, ".", &weight, 0),
		.dir = upper,
	};
	return write_layer(&l, opts, &a.opts, out, ret, err);
}
