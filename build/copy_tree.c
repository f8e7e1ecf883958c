/* SPDX-License-Identifier: Apache-2.0 */
/* Directories with all that is taken of them, onto a place that is known. */
#include "base/crew.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/root.h"
#include "build/copy_internal.h"
#include "build/selection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARALLEL_FILES 256 /* below that, forking costs more than it saves */
#define CHUNK 64 /* files that a process takes at a time */

/* A directory that is being copied. */
struct level {
	int from, to;
	char *path; /* of to, below the root */
};

struct node_list {
	struct node **n;
	size_t count, cap;
};

/*
 * First the directories are made, and all that is not a file with one name; then the files are
 * copied, by several processes when there are many; last come the owners, modes and times of the
 * directories, which copying into them would change.
 */
struct tree_copy {
	struct copier *c;
	const char *top_path; /* of the top's copy, below the root */
	size_t top_len; /* of the top's path in the source */
	struct level *l; /* the innermost last */
	size_t n, cap;
	struct node_list files, dirs;

	/* the directory at hand while files are copied, in each process */
	const struct node *dir;
	int from, to;
};

static void list_add(struct node_list *l, struct node *n)
{
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->n = xreallocarray(l->n, l->cap, sizeof(struct node *));
	}
	l->n[l->count++] = n;
}

static void push(struct tree_copy *t, int from, int to, char *path)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 16;
		t->l = xreallocarray(t->l, t->cap, sizeof(*t->l));
	}
	t->l[t->n++] = (struct level){.from = from, .to = to, .path = path};
}

static void pop(struct tree_copy *t)
{
	struct level *l = &t->l[--t->n];
	mem_close_p(&l->from);
	mem_close_p(&l->to);
	free(l->path);
}

static char *path_in(const struct level *l, const char *name)
{
	return *l->path ? xasprintf("%s/%s", l->path, name) : xstrdup(name);
}

static int enter_dir(void *arg, struct node *n, struct err *err)
{
	struct tree_copy *t = arg;
	const struct level *at = &t->l[t->n - 1];
	AUTO_FD int from =
		openat(at->from, n->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return err_sys(err, "cannot open the directory '%s'", n->name);
	/* room for us to write; the real mode comes last */
	if (mkdirat(at->to, n->name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make the directory '%s'", n->name);
	AUTO_FD int to = openat(at->to, n->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(err, ERR_INVALID,
			"cannot copy the directory '%s' onto something that is not a directory",
			n->name);
	if (to < 0)
		return err_sys(err, "cannot open the directory '%s'", n->name);
	char *path = path_in(at, n->name);
	push(t, take_fd(&from), take_fd(&to), path);
	return 0;
}

static int leave_dir(void *arg, struct node *n, struct err *err)
{
	struct tree_copy *t = arg;
	(void)err;
	list_add(&t->dirs, n);
	pop(t);
	return 0;
}

static int met_leaf(void *arg, struct node *n, struct err *err)
{
	struct tree_copy *t = arg;
	const struct level *at = &t->l[t->n - 1];
	if (S_ISREG(n->st.st_mode) && n->st.st_nlink == 1) {
		list_add(&t->files, n);
		return 0;
	}
	return copy_leaf(t->c, n, at->from, at->to, at->path, n->name, err);
}

/* Opens a directory of the source, below the top or the top itself, and its copy. */
static int turn_to(struct tree_copy *t, const struct node *dir, struct err *err)
{
	if (t->dir == dir)
		return 0;
	AUTO_FREE char *path = node_path(dir);
	const char *below = path + t->top_len;
	below += *below == '/';
	AUTO_FREE char *to = *t->top_path && *below ? xasprintf("%s/%s", t->top_path, below)
	                                            : xstrdup(*below ? below : t->top_path);
	mem_close_p(&t->from);
	mem_close_p(&t->to);
	t->dir = NULL;
	t->from = root_open(
		filetree_rootfd(t->c->source), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	t->to = root_open(t->c->w->root, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (t->from < 0 || t->to < 0)
		return err_sys(err, "cannot open the directory '%s'", t->from < 0 ? path : to);
	t->dir = dir;
	return 0;
}

static int copy_files(void *arg, size_t from, size_t to, struct err *err)
{
	struct tree_copy *t = arg;
	for (size_t i = from; i < to; i++) {
		const struct node *n = t->files.n[i];
		if (turn_to(t, n->parent, err) < 0 ||
			copy_leaf(t->c, n, t->from, t->to, "", n->name, err) < 0)
			return err->code;
	}
	return 0;
}

/* Inner ones first. What is there keeps its metadata only at the top of a copy. */
static int finish_dirs(struct tree_copy *t, struct err *err)
{
	for (size_t i = 0; i < t->dirs.count; i++) {
		const struct node *n = t->dirs.n[i];
		if (turn_to(t, n, err) < 0)
			return err->code;
		if (copy_metadata(t->c, t->from, t->to, &n->st, err) < 0)
			return err_wrap(err, "'%s'", n->name);
	}
	return 0;
}

int copy_tree(struct copier *c, const struct selection *sel, struct node *n, int from, int to,
	const char *to_path, size_t *ret_n, struct err *err)
{
	AUTO_FREE char *top = node_path(n);
	struct tree_copy t = {
		.c = c, .top_path = to_path, .top_len = strlen(top), .from = -1, .to = -1};
	const struct walk w = {.enter = enter_dir, .leave = leave_dir, .met = met_leaf, .arg = &t};
	push(&t, from, to, xstrdup(to_path));
	int rc = selection_walk(sel, c->source, n, &w, ret_n, err);
	while (t.n > 1)
		pop(&t);
	free(t.l[0].path);
	free(t.l);
	if (rc == 0)
		rc = crew_run(t.files.count, CHUNK,
			t.files.count < PARALLEL_FILES ? 1 : crew_cores(), copy_files, &t, err);
	if (rc == 0)
		rc = finish_dirs(&t, err);
	mem_close_p(&t.from);
	mem_close_p(&t.to);
	free(t.files.n);
	free(t.dirs.n);
	return rc;
}
