/* SPDX-License-Identifier: Apache-2.0 */
#include "build/filetree.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/path.h"
#include "base/root.h"
#include "base/xattr.h"
#include "build/file_ignore.h"
#include "build/filetree_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */
#define NODES_MAX 20000000 /* entries of one tree: a context of that size is a mistake */

/* The name lies behind the node: contexts have many. */
static struct node *node_new(const char *name)
{
	size_t n = strlen(name) + 1;
	struct node *node = xcalloc(1, sizeof(*node) + n);
	node->name = memcpy(node + 1, name, n);
	return node;
}

struct filetree *filetree_new(
	int rootfd, const struct ignore *ignore, struct statcache *cache, int flags)
{
	struct filetree *t = xcalloc(1, sizeof(*t));
	t->rootfd = rootfd;
	t->ignore = ignore && !ignore_is_empty(ignore) ? ignore : NULL;
	t->cache = cache;
	t->flags = flags;
	t->root = node_new("");
	if (owner_stat(rootfd, &t->root->st) < 0)
		t->root->st.st_mode = S_IFDIR | 0755;
	if (flags & FILETREE_RESET_OWNER)
		t->root->st.st_uid = t->root->st.st_gid = 0;
	return t;
}

static void node_free(struct node *n)
{
	for (size_t i = 0; i < n->n_children; i++)
		node_free(n->children[i]);
	free(n->children);
	free(n->link);
	free(n);
}

void filetree_free(struct filetree *t)
{
	if (!t)
		return;
	node_free(t->root);
	free(t);
}

int filetree_rootfd(const struct filetree *t)
{
	return t->rootfd;
}

struct node *filetree_root(struct filetree *t)
{
	return t->root;
}

int filetree_xattrs(const struct filetree *t, int fd, struct xattrs *ret, struct err *err)
{
	if (xattrs_read(fd, "", ret, err) < 0)
		return err->code;
	if (t->flags & FILETREE_NO_CAPABILITIES)
		xattrs_drop(ret, XATTR_CAPABILITY);
	return 0;
}

char *node_path(const struct node *n)
{
	size_t len = 0;
	for (const struct node *p = n; p->parent; p = p->parent)
		len += strlen(p->name) + 1;
	if (!len)
		return xstrdup("");
	char *path = xmalloc(len);
	char *at = path + len - 1;
	*at = '\0';
	for (const struct node *p = n; p->parent; p = p->parent) {
		size_t part = strlen(p->name);
		at -= part;
		memcpy(at, p->name, part);
		if (at > path)
			*--at = '/';
	}
	return path;
}

static int by_name(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

/* One directory entry; NULL when a rule hides it for good. */
static struct node *make_node(struct filetree *t, struct node *dir, const char *dirpath,
	const char *name, const struct stat *st)
{
	bool ignored = false, below = false;
	unsigned line = 0;
	if (t->ignore) {
		AUTO_FREE char *path = *dirpath ? xasprintf("%s/%s", dirpath, name) : xstrdup(name);
		ignored = ignore_match(t->ignore, path, &below, &line);
	}
	struct node *n = node_new(name);
	n->parent = dir;
	n->st = *st;
	if (t->flags & FILETREE_RESET_OWNER)
		n->st.st_uid = n->st.st_gid = 0;
	n->ignored = ignored;
	n->ignore_line = line;
	n->listed = !S_ISDIR(st->st_mode) || (ignored && !below);
	return n;
}

static char *read_link(int dirfd, const char *name)
{
	char target[4096];
	ssize_t len = readlinkat(dirfd, name, target, sizeof(target));
	return len < 0 || (size_t)len == sizeof(target) ? NULL : xstrndup(target, (size_t)len);
}

int filetree_list(struct filetree *t, struct node *n, struct err *err)
{
	if (n->listed)
		return 0;
	AUTO_FREE char *path = node_path(n);
	int fd = root_open(t->rootfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)err_sys(err, "cannot read the directory '%s'", *path ? path : ".");
		mem_close_p(&fd);
		return err->code;
	}
	n->no_xattrs = flistxattr(fd, NULL, 0) == 0;
	size_t cap = 0;
	int rc = 0;
	for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
		struct stat st;
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT) /* removed since */
				rc = err_sys(err, "cannot stat '%s/%s'", path, e->d_name);
			continue;
		}
		if (!(t->flags & FILETREE_RESET_OWNER))
			owner_fill_at(fd, e->d_name, &st);
		struct node *child = make_node(t, n, path, e->d_name, &st);
		if (n->n_children == cap) {
			cap = cap ? cap * 2 : 16;
			n->children = xreallocarray(n->children, cap, sizeof(struct node *));
		}
		n->children[n->n_children++] = child;
		if (++t->nodes > NODES_MAX)
			rc = err_set(err, ERR_LIMIT, "more than %d files in the tree", NODES_MAX);
		if (S_ISLNK(st.st_mode) && !(child->link = read_link(fd, e->d_name)))
			rc = err_sys(err, "cannot read the link '%s/%s'", path, e->d_name);
	}
	closedir(dir);
	if (n->n_children > 1)
		qsort(n->children, n->n_children, sizeof(struct node *), by_name);
	n->listed = true;
	return rc;
}

/* Is it there for COPY: not ignored, or a directory with something below that is not. */
int node_visible(struct filetree *t, struct node *n, bool *ret, struct err *err)
{
	*ret = !n->ignored;
	if (*ret || !S_ISDIR(n->st.st_mode))
		return 0;
	if (filetree_list(t, n, err) < 0)
		return err->code;
	for (size_t i = 0; i < n->n_children && !*ret; i++)
		if (node_visible(t, n->children[i], ret, err) < 0)
			return err->code;
	return 0;
}

static struct node *find_child(const struct node *n, const char *name)
{
	size_t lo = 0, hi = n->n_children;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(n->children[mid]->name, name);
		if (c == 0)
			return n->children[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* The visible child of that name, NULL in *ret when there is none. */
static int visible_child(
	struct filetree *t, struct node *n, const char *name, struct node **ret, struct err *err)
{
	bool visible = false;
	*ret = NULL;
	if (!S_ISDIR(n->st.st_mode))
		return 0;
	if (filetree_list(t, n, err) < 0)
		return err->code;
	struct node *c = find_child(n, name);
	if (c && node_visible(t, c, &visible, err) < 0)
		return err->code;
	if (visible)
		*ret = c;
	return 0;
}

int filetree_lookup(
	struct filetree *t, const char *path, bool follow, struct node **ret, struct err *err)
{
	AUTO_STRV struct strv todo = STRV_INIT;
	struct node *n = t->root;
	int links = 0;
	*ret = NULL;
	path_push(&todo, path);
	while (todo.n) {
		AUTO_FREE char *name = xstrdup(todo.v[todo.n - 1]);
		strv_remove(&todo, todo.n - 1);
		if (streq(name, "..")) {
			n = n->parent ? n->parent : n;
			continue;
		}
		struct node *c;
		if (visible_child(t, n, name, &c, err) < 0)
			return err->code;
		if (!c)
			return 0;
		if (c->link && (todo.n || follow)) {
			if (++links > LINKS_MAX)
				return err_set(
					err, ERR_INVALID, "too many symbolic links in '%s'", path);
			if (c->link[0] == '/')
				n = t->root;
			/* "a/../b" is b whatever a is: BuildKit reads targets of links as text */
			AUTO_FREE char *target = path_clean(c->link);
			path_push(&todo, target);
			continue;
		}
		n = c;
	}
	*ret = n;
	return 0;
}

static size_t count_below(struct filetree *t, struct node *n)
{
	struct err err = ERR_INIT;
	size_t count = 0;
	if (filetree_list(t, n, &err) < 0)
		return 0;
	for (size_t i = 0; i < n->n_children; i++) {
		struct node *c = n->children[i];
		count += S_ISDIR(c->st.st_mode) ? count_below(t, c) : !c->ignored;
	}
	return count;
}

size_t filetree_count(struct filetree *t)
{
	return count_below(t, t->root);
}

bool filetree_hidden_by(struct filetree *t, const char *path, unsigned *ret_line)
{
	if (!t->ignore)
		return false;
	AUTO_FREE char *clean = path_clean_rel(path);
	struct stat st;
	return root_lstat(t->rootfd, clean, &st) == 0 &&
	       ignore_match(t->ignore, clean, NULL, ret_line);
}
