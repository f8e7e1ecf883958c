/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/merge.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/xattr.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One directory of the result, and what it is made of. */
struct stack {
	int *dirs; /* topmost first, owned */
	size_t n;
	bool hides; /* what is below the layers does not show through */
};

static void stack_done(struct stack *s)
{
	for (size_t i = 0; i < s->n; i++)
		close(s->dirs[i]);
	free(s->dirs);
}

/* Adds a directory; an opaque one is the last that counts. Takes fd over. */
static void stack_add(struct stack *s, int fd)
{
	s->dirs = xreallocarray(s->dirs, s->n + 1, sizeof(*s->dirs));
	s->dirs[s->n++] = fd;
	s->hides = whiteout_is_opaque(fd);
}

static int open_dir(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_failed(const struct buf *path, struct err *err)
{
	return err_sys(err, "cannot open '%s'", buf_str(path));
}

/* The directories called name, from layer `from` down, as far as they show through. */
static int stack_below(const struct stack *s, size_t from, const char *name, const struct buf *path,
	struct stack *ret, struct err *err)
{
	for (size_t i = from; i < s->n && !ret->hides; i++) {
		struct stat st;
		if (fstatat(s->dirs[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return open_failed(path, err);
		}
		if (!S_ISDIR(st.st_mode)) {
			ret->hides = true;
			return 0;
		}
		int fd = open_dir(s->dirs[i], name);
		if (fd < 0)
			return open_failed(path, err);
		stack_add(ret, fd);
	}
	ret->hides |= s->hides;
	return 0;
}

/* Owner, mode, attributes and time of the topmost one. */
static int shape(int from, int to, const struct buf *path, struct err *err)
{
	struct stat st;
	AUTO_XATTRS struct xattrs x = {0};
	if (owner_stat(from, &st) < 0)
		return open_failed(path, err);
	if (xattrs_read(from, "", &x, err) < 0)
		return err_wrap(err, "'%s'", buf_str(path));
	for (size_t i = 0; i < x.n; i++)
		if (xattr_set(to, "", &x.x[i], err) < 0)
			return err_wrap(err, "'%s'", buf_str(path));
	const struct timespec times[2] = {st.st_atim, st.st_mtim};
	if (owner_set(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0 ||
		futimens(to, times) < 0)
		return err_sys(err, "cannot set owner, mode and time of '%s'", buf_str(path));
	return 0;
}

static int merge_dir(const struct stack *s, int below, int to, struct buf *path, struct err *err);

static int merge_subdir(const struct stack *s, size_t from, const char *name, int below, int to,
	struct buf *path, struct err *err)
{
	struct stack sub = {0};
	AUTO_FD int under = below >= 0 ? open_dir(below, name) : -1;
	AUTO_FD int fd = -1;
	int r = stack_below(s, from, name, path, &sub, err);
	if (r == 0 && mkdirat(to, name, 0700) < 0)
		r = err_sys(err, "cannot create '%s'", buf_str(path));
	if (r == 0 && (fd = open_dir(to, name)) < 0)
		r = open_failed(path, err);
	if (r == 0 && sub.hides && under >= 0 && whiteout_set_opaque(fd) < 0)
		r = err_sys(err, "cannot make '%s' opaque", buf_str(path));
	if (r == 0)
		r = merge_dir(&sub, sub.hides ? -1 : under, fd, path, err);
	if (r == 0)
		r = shape(sub.dirs[0], fd, path, err);
	stack_done(&sub);
	return r;
}

static int merge_item(const struct stack *s, size_t from, const struct walk_item *item, int below,
	int to, struct buf *path, struct err *err)
{
	struct stat st;
	if (item->type == DT_DIR)
		return merge_subdir(s, from, item->name, below, to, path, err);
	if (item->whiteout &&
		(below < 0 || fstatat(below, item->name, &st, AT_SYMLINK_NOFOLLOW) < 0))
		return 0;
	if (linkat(s->dirs[from], item->name, to, item->name, 0) < 0)
		return err_sys(err, "cannot link '%s' into the merged layer", buf_str(path));
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void forget(void *name)
{
	free(name);
}

/* True the first time. */
static bool is_new(void **seen, const char *name)
{
	char *own = xstrdup(name);
	char **found = xtsearch(own, seen, compare);
	if (*found == own)
		return true;
	free(own);
	return false;
}

static int merge_names(const struct stack *s, size_t i, void **seen, int below, int to,
	struct buf *path, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	if (walk_list_read(s->dirs[i], buf_str(path), &list, err) < 0)
		return err->code;
	for (size_t k = 0; k < list.n; k++) {
		const struct walk_item *item = &list.items[k];
		size_t before = path->len;
		if (item->descend || !is_new(seen, item->name))
			continue;
		buf_addf(path, "/%s", item->name);
		if (path->toobig)
			return err_set(err, ERR_LIMIT, "a path is longer than %d bytes: '%.60s...'",
				PATH_MAX - 1, path->data);
		int r = merge_item(s, i, item, below, to, path, err);
		if (r < 0)
			return r;
		buf_remove(path, before, path->len - before);
	}
	return 0;
}

static int merge_dir(const struct stack *s, int below, int to, struct buf *path, struct err *err)
{
	void *seen = NULL;
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->n; i++)
		r = merge_names(s, i, &seen, below, to, path, err);
	tdestroy(seen, forget);
	return r;
}

int layers_merge(const int *layers, size_t n, int below, int to, struct err *err)
{
	AUTO_BUF struct buf path = BUF_INIT(PATH_MAX - 1);
	struct stack s = {0};
	int r = 0;
	for (size_t i = 0; r == 0 && i < n && !s.hides; i++) {
		int fd = openat(layers[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			r = err_sys(err, "cannot open a layer");
		else
			stack_add(&s, fd);
	}
	if (r == 0 && s.hides && below >= 0 && whiteout_set_opaque(to) < 0)
		r = err_sys(err, "cannot make the merged layer opaque");
	if (r == 0)
		r = merge_dir(&s, s.hides ? -1 : below, to, &path, err);
	stack_done(&s);
	return r;
}
