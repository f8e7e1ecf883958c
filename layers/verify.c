/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/verify.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/path.h"
#include "base/root.h"
#include "base/strv.h"
#include "base/xattr.h"
#include "layers/apply_internal.h"
#include "layers/nodes.h"
#include "layers/tar_read.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PROBLEMS_MAX 20
#define COMPARE_BUF (256 * KIB)

struct verify {
	int root;
	struct tar_reader *tar;
	struct nodes *nodes;
	struct strv *problems;
	size_t n_problems;
	uint64_t n_groups;
	struct stat *groups; /* of each group of hard links the first member that was met */
	int64_t latest; /* latest whole second among the entries */
	bool may_lack_devices;
	struct buf path;
	char *buf;
};

__attribute__((format(printf, 3, 4))) static void problem(
	struct verify *v, const char *path, const char *fmt, ...)
{
	if (v->n_problems++ >= PROBLEMS_MAX)
		return;
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *what = xvasprintf(fmt, ap);
	va_end(ap);
	strv_addf(v->problems, "'%s' %s", *path ? path : "/", what);
}

static int cmp_xattrs(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name, ((const struct xattr *)b)->name);
}

/* Of the attributes that travel; all zeros when there are none. */
static struct digest xattrs_digest(const struct xattr *x, size_t n)
{
	struct digest d = {0};
	if (n == 0)
		return d;
	AUTO_FREE struct xattr *sorted = xmemdup(x, n * sizeof(*x));
	qsort(sorted, n, sizeof(*x), cmp_xattrs);
	struct sha256 h;
	sha256_init(&h);
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		if (!xattr_travels(sorted[i].name))
			continue;
		uint64_t len = sorted[i].len;
		sha256_update(&h, sorted[i].name, strlen(sorted[i].name) + 1);
		sha256_update(&h, &len, sizeof(len));
		sha256_update(&h, sorted[i].value, sorted[i].len);
		used++;
	}
	return used ? sha256_final(&h) : d;
}

static struct node *put_implied(struct verify *v, const char *path)
{
	struct node *n = nodes_put(v->nodes, path);
	n->mode = S_IFDIR | 0755;
	n->implied = true;
	return n;
}

/* The node of a directory whose path leads through no link, making implied ones. */
static struct node *enter_real_dir(struct verify *v, const char *path)
{
	struct node *n = nodes_find(v->nodes, path);
	if (n && S_ISDIR(n->mode))
		return n;
	AUTO_FREE char *parent = nodes_parent(path);
	if (parent)
		(void)enter_real_dir(v, parent);
	return put_implied(v, path);
}

/* The same of any path. Links among the parents are followed as unpacking did: in the tree that it
 * made, which takes as long as the path is deep, so once and not for each of the parents. */
static struct node *enter_dir(struct verify *v, const char *path)
{
	struct node *n = nodes_find(v->nodes, path);
	if (n && S_ISDIR(n->mode))
		return n;
	AUTO_FREE char *real = *path ? root_realpath(v->root, path) : NULL;
	if (real)
		return streq(real, path) ? enter_real_dir(v, path) : enter_dir(v, real);
	AUTO_FREE char *parent = nodes_parent(path);
	if (parent)
		(void)enter_dir(v, parent);
	return put_implied(v, path);
}

/* Where an entry of this clean name lies when links among its parents are followed. New string. */
static char *canonical(struct verify *v, const char *path)
{
	AUTO_FREE char *parent = nodes_parent(path);
	if (!parent)
		return xstrdup("");
	const struct node *dir = enter_dir(v, parent);
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	return xasprintf("%s%s%s", dir->path, *dir->path ? "/" : "", name);
}

static bool only_zeros(const char *p, size_t n)
{
	return n == 0 || (*p == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* The n bytes at `at` of the file are those at want, or zeros when that is NULL. */
static bool same_bytes(struct verify *v, int fd, const char *want, uint64_t n, uint64_t at)
{
	while (n) {
		size_t part = n > COMPARE_BUF ? COMPARE_BUF : (size_t)n;
		ssize_t got = pread(fd, v->buf, part, (off_t)at);
		if (got <= 0)
			return false;
		if (want ? memcmp(v->buf, want, (size_t)got) != 0
			 : !only_zeros(v->buf, (size_t)got))
			return false;
		if (want)
			want += got;
		n -= (uint64_t)got;
		at += (uint64_t)got;
	}
	return true;
}

/* Content is compared as it passes; what a later entry of the same name brings replaces the
 * verdict. */
static int check_content(
	struct verify *v, struct node *n, const struct tar_entry *e, struct err *err)
{
	AUTO_FD int fd = root_open_nofollow(v->root, n->path, O_RDONLY | O_NONBLOCK, 0);
	uint64_t end = 0;
	n->bad_content = fd < 0;
	for (;;) {
		const void *p;
		size_t len;
		uint64_t at;
		int ret = tar_reader_data(v->tar, &p, &len, &at, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			break;
		if (!n->bad_content)
			n->bad_content = !same_bytes(v, fd, NULL, at - end, end) ||
			                 !same_bytes(v, fd, p, len, at);
		end = at + len;
	}
	if (!n->bad_content && end < e->size)
		n->bad_content = !same_bytes(v, fd, NULL, e->size - end, end);
	return 0;
}

static void fill(struct verify *v, struct node *n, const struct tar_entry *e)
{
	bool was_dir = S_ISDIR(n->mode), opaque = n->opaque && was_dir;
	node_reset(n);
	n->mode = e->mode;
	n->opaque = opaque;
	n->uid = (uid_t)e->uid;
	n->gid = (gid_t)e->gid;
	n->mtime = e->mtime;
	n->mtime_ns = e->mtime_ns;
	n->size = e->size;
	n->rdev = makedev(e->major, e->minor);
	n->xattrs = xattrs_digest(e->xattrs, e->n_xattrs);
	if (!S_ISDIR(e->mode))
		n->group = v->n_groups++;
	if (S_ISLNK(e->mode))
		n->link = xstrdup(e->link);
}

static void add_whiteout(struct verify *v, const char *path)
{
	struct node *n = nodes_find(v->nodes, path);
	if (n && S_ISDIR(n->mode))
		n->opaque = true;
	if (n)
		return;
	n = nodes_put(v->nodes, path);
	n->mode = S_IFCHR;
	n->group = v->n_groups++;
	n->whiteout = true;
}

static int add_hardlink(
	struct verify *v, const char *path, const struct tar_entry *e, struct err *err)
{
	char clean[PATH_MAX];
	if (apply_clean(e->link, true, clean, err) < 0)
		return err->code;
	AUTO_FREE char *target = canonical(v, clean);
	const struct node *to = nodes_find(v->nodes, target);
	if (!to || S_ISDIR(to->mode)) {
		problem(v, path, "is a hard link to '%s', which is not in the archive", target);
		return 0;
	}
	if (streq(path, target))
		return 0;
	struct node *n = nodes_put(v->nodes, path);
	if (S_ISDIR(n->mode) && path_is_below(target, path)) {
		problem(v, path, "is a hard link to '%s', which it replaces", target);
		return 0;
	}
	if (S_ISDIR(n->mode))
		nodes_drop_below(v->nodes, path);
	node_copy(n, to);
	/* The bytes were compared with what is under the first name now. When a later entry has
	 * replaced that, they were never its; when none has, the first name is reported. */
	n->bad_content = false;
	return 0;
}

static int add_entry(struct verify *v, const struct tar_entry *e, struct err *err)
{
	char clean[PATH_MAX];
	if (apply_clean(e->path, true, clean, err) < 0)
		return err->code;
	if (apply_is_meta(clean))
		return 0;
	AUTO_FREE char *path = canonical(v, clean);
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path, *target;
	enum whiteout_kind kind;
	if (whiteout_parse(name, &kind, &target, err) < 0)
		return err->code;
	if (kind == WHITEOUT_DIR) {
		AUTO_FREE char *dir = nodes_parent(path);
		enter_dir(v, dir)->opaque = true;
		return 0;
	}
	if (kind == WHITEOUT_NAME) {
		AUTO_FREE char *hidden = xasprintf("%.*s%s", (int)(name - path), path, target);
		add_whiteout(v, hidden);
		return 0;
	}
	if (e->hardlink)
		return add_hardlink(v, path, e, err);
	if (S_ISCHR(e->mode) && e->major == 0 && e->minor == 0) {
		add_whiteout(v, path);
		return 0;
	}
	struct node *old = nodes_find(v->nodes, path);
	bool hides = old && !S_ISDIR(old->mode) && S_ISDIR(e->mode);
	struct node *n = old ? old : nodes_put(v->nodes, path);
	if (old && S_ISDIR(old->mode) && !S_ISDIR(e->mode))
		nodes_drop_below(v->nodes, path);
	fill(v, n, e);
	n->opaque = n->opaque || hides;
	if (e->mtime > v->latest)
		v->latest = e->mtime;
	return S_ISREG(e->mode) ? check_content(v, n, e, err) : 0;
}

static void check_owner_and_time(struct verify *v, const struct node *n, const struct stat *st)
{
	if (!S_ISLNK(n->mode) && (st->st_mode & 07777) != (n->mode & 07777))
		problem(v, n->path, "has mode %04o, not %04o", st->st_mode & 07777,
			n->mode & 07777);
	if (st->st_uid != n->uid || st->st_gid != n->gid)
		problem(v, n->path, "belongs to %u:%u, not %u:%u", st->st_uid, st->st_gid, n->uid,
			n->gid);
	bool clamped = n->mtime == v->latest && n->mtime_ns == 0;
	bool whole = n->mtime < 0; /* as they are written */
	if (!clamped &&
		(st->st_mtim.tv_sec != n->mtime || (!whole && st->st_mtim.tv_nsec != n->mtime_ns)))
		problem(v, n->path, "has modification time %lld.%09ld, not %lld.%09u",
			(long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)n->mtime,
			n->mtime_ns);
}

static void check_group(struct verify *v, const struct node *n, const struct stat *st)
{
	struct stat *first = &v->groups[n->group];
	if (first->st_nlink == 0)
		*first = *st;
	else if (first->st_ino != st->st_ino || first->st_dev != st->st_dev)
		problem(v, n->path, "is not hard-linked to the others of its group");
}

static int check_xattrs(
	struct verify *v, const struct node *n, int dirfd, const char *name, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", n->path);
	AUTO_XATTRS struct xattrs x = {0};
	if (xattrs_read(fd, "", &x, err) < 0)
		return err->code;
	struct digest is = xattrs_digest(x.x, x.n);
	if (!digest_equal(&is, &n->xattrs))
		problem(v, n->path, "has other extended attributes");
	return 0;
}

static int check_node(
	struct verify *v, struct node *n, int dirfd, const char *name, struct err *err)
{
	struct stat st;
	if (owner_stat_at(dirfd, name, &st) < 0)
		return err_sys(err, "cannot stat '%s'", n->path);
	n->seen = true;
	bool whiteout = whiteout_is(dirfd, name, &st);
	if (n->whiteout != whiteout || (!whiteout && (st.st_mode & S_IFMT) != (n->mode & S_IFMT))) {
		problem(v, n->path, "is of another type");
		return 0;
	}
	if (n->whiteout || n->implied)
		return 0;
	check_owner_and_time(v, n, &st);
	if (!S_ISDIR(n->mode))
		check_group(v, n, &st);
	if (S_ISREG(n->mode) && (uint64_t)st.st_size != n->size)
		problem(v, n->path, "is %lld bytes long, not %llu", (long long)st.st_size,
			(unsigned long long)n->size);
	else if (S_ISREG(n->mode) && n->bad_content)
		problem(v, n->path, "has other content");
	if ((S_ISCHR(n->mode) || S_ISBLK(n->mode)) && st.st_rdev != n->rdev)
		problem(v, n->path, "is another device");
	if (S_ISLNK(n->mode)) {
		char target[PATH_MAX];
		ssize_t len = readlinkat(dirfd, name, target, sizeof(target) - 1);
		if (len < 0)
			return err_sys(err, "cannot read link '%s'", n->path);
		target[len] = '\0';
		if (!streq(target, n->link))
			problem(v, n->path, "points to '%s', not '%s'", target, n->link);
	}
	return S_ISREG(n->mode) || S_ISDIR(n->mode) ? check_xattrs(v, n, dirfd, name, err) : 0;
}

static int check_dir(struct verify *v, int fd, struct err *err)
{
	const struct node *self = nodes_find(v->nodes, buf_str(&v->path));
	if (whiteout_is_opaque(fd) != (self && self->opaque))
		problem(v, buf_str(&v->path), "is %sopaque", self && self->opaque ? "not " : "");
	AUTO_WALK_LIST struct walk_list list = {0};
	if (walk_list_read(fd, buf_str(&v->path), &list, err) < 0)
		return err->code;
	size_t before = v->path.len;
	int code = 0;
	for (size_t i = 0; i < list.n && code == 0; i++) {
		const struct walk_item *item = &list.items[i];
		buf_addf(&v->path, "%s%s", before ? "/" : "", item->name);
		struct node *n = v->path.toobig ? NULL : nodes_find(v->nodes, v->path.data);
		if (v->path.toobig) {
			code = err_set(
				err, ERR_LIMIT, "a path is longer than %d bytes", PATH_MAX - 1);
		} else if (item->descend) {
			/* an unexpected directory is reported once, not with all that is in it */
			AUTO_FD int below =
				n ? openat(fd, item->name,
					    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
				  : -1;
			if (n && below < 0)
				code = err_sys(err, "cannot open '%s'", v->path.data);
			else if (n && S_ISDIR(n->mode))
				code = check_dir(v, below, err);
		} else if (n) {
			code = check_node(v, n, fd, item->name, err);
		} else if (item->type != DT_SOCK) {
			problem(v, v->path.data, "is not in the archive");
		}
		buf_remove(&v->path, before, v->path.len - before);
	}
	return code;
}

static void report_missing(void *arg, struct node *n)
{
	struct verify *v = arg;
	bool device = (S_ISCHR(n->mode) || S_ISBLK(n->mode)) && !n->whiteout;
	if (!n->seen && *n->path && !(device && v->may_lack_devices))
		problem(v, n->path, "is missing");
}

static int verify_all(struct verify *v, struct err *err)
{
	for (;;) {
		struct tar_entry e;
		int ret = tar_reader_next(v->tar, &e, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			break;
		if (add_entry(v, &e, err) < 0)
			return err->code;
	}
	if (tar_reader_drain(v->tar, err) < 0)
		return err->code;
	v->groups = xcalloc(v->n_groups + 1, sizeof(*v->groups));
	struct node *root = nodes_find(v->nodes, "");
	if (root && check_node(v, root, v->root, ".", err) < 0)
		return err->code;
	if (check_dir(v, v->root, err) < 0)
		return err->code;
	nodes_each(v->nodes, report_missing, v);
	if (v->n_problems > PROBLEMS_MAX) {
		strv_remove(v->problems, v->problems->n - 1);
		strv_addf(
			v->problems, "and %zu more differences", v->n_problems - PROBLEMS_MAX + 1);
	}
	return 0;
}

int layer_verify(struct reader *tar, int dirfd, struct strv *problems, struct err *err)
{
	AUTO_FD int root = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, "cannot open the unpacked layer");
	AUTO_TAR_READER struct tar_reader *reader = NULL;
	if (tar_reader_open(tar, 0, &reader, err) < 0)
		return err->code;
	struct verify v = {
		.root = root,
		.tar = reader,
		.nodes = nodes_new(),
		.problems = problems,
		.latest = INT64_MIN,
		.may_lack_devices = idmap_own() != IDMAP_ALL, /* only there they are made */
		.path = BUF_INIT(PATH_MAX - 1),
		.buf = xmalloc(COMPARE_BUF),
	};
	int code = verify_all(&v, err);
	nodes_free(v.nodes);
	free(v.groups);
	buf_done(&v.path);
	free(v.buf);
	return code;
}
