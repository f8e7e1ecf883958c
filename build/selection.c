/* SPDX-License-Identifier: Apache-2.0 */
#include "build/selection.h"

#include "base/err.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/file_ignore.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 2048 /* directories below one another in a copied tree */

/* BuildKit cuts at the first pivot; without one everything in the word is kept. */
static int split_parents(struct selection *sel, const char *source, struct err *err)
{
	const char *pivot = strstr(source, "/./");
	sel->root = pivot ? xstrndup(source, (size_t)(pivot - source)) : xstrdup("");
	sel->pattern = path_clean_rel(pivot ? pivot + strlen("/./") : source);
	if (!*sel->pattern) {
		mem_replace(&sel->pattern, NULL);
		return 0;
	}
	return ignore_from_patterns(&sel->pattern, 1, &sel->include, err);
}

int selection_init(struct selection *sel, const char *source, bool parents,
	const struct strv *excludes, struct err *err)
{
	*sel = (struct selection){
		.required = strpbrk(source, "*?[") == NULL && !(parents && excludes->n)};
	int rc = 0;
	if (parents)
		rc = split_parents(sel, source, err);
	else
		sel->root = xstrdup(source);
	if (rc == 0 && excludes->n)
		rc = ignore_from_patterns(excludes->v, excludes->n, &sel->exclude, err);
	if (rc < 0) {
		selection_done(sel);
		return rc;
	}
	STRV_FOREACH (e, excludes)
		sel->exceptions = sel->exceptions || **e == '!';
	return 0;
}

char *selection_top(const char *source)
{
	size_t n = strcspn(source, "*?[");
	while (n && source[n - 1] != '/')
		n--;
	return xstrndup(source, n);
}

int selection_nothing(const struct selection *sel, struct filetree *t, const char *source,
	bool parents, struct err *err)
{
	struct node *found = NULL;
	AUTO_FREE char *top = selection_top(source);
	if (!sel->required && !parents && filetree_lookup(t, top, true, &found, err) < 0)
		return err->code;
	if (sel->required || (!parents && !found))
		return err_set(err, ERR_NOT_FOUND, "no such file or directory: '%s' in the source",
			sel->required ? source : top);
	return 0;
}

void selection_done(struct selection *sel)
{
	free(sel->root);
	free(sel->pattern);
	ignore_free(sel->include);
	ignore_free(sel->exclude);
	*sel = (struct selection){0};
}

bool selection_takes_all(const struct selection *sel)
{
	return !sel->include && !sel->exclude;
}

/* Could something below rel fit the pattern? Compares as many components as there are. */
static bool fits_so_far(const char *pattern, const char *rel)
{
	AUTO_STRV struct strv want = STRV_INIT, have = STRV_INIT;
	strv_split(&want, pattern, '/');
	strv_split(&have, rel, '/');
	for (size_t i = 0; i < want.n && i < have.n; i++) {
		if (strstr(want.v[i], "**"))
			return true;
		if (!glob_match(want.v[i], have.v[i]))
			return false;
	}
	return true;
}

/* *ret_below: something below it may be taken. */
static bool takes(const struct selection *sel, const char *rel, bool *ret_below)
{
	bool included = !sel->include || ignore_match(sel->include, rel, NULL, NULL);
	bool excluded = sel->exclude && ignore_match(sel->exclude, rel, NULL, NULL);
	*ret_below = (included || fits_so_far(sel->pattern, rel)) && (!excluded || sel->exceptions);
	return included && !excluded;
}

struct frame {
	struct frame *up;
	struct node *dir;
	const char *rel; /* path below the top; "" when nobody asks */
	unsigned depth;
	bool entered;
};

struct walking {
	const struct selection *sel; /* NULL: everything */
	struct filetree *t;
	const struct walk *w;
	size_t n;
};

static int enter(struct walking *k, struct frame *f, struct err *err)
{
	if (f->entered)
		return 0;
	if (enter(k, f->up, err) < 0)
		return err->code;
	f->entered = true;
	k->n++;
	return k->w->enter ? k->w->enter(k->w->arg, f->dir, err) : 0;
}

static int walk_dir(struct walking *k, struct frame *f, struct err *err);

static int walk_child(struct walking *k, struct frame *f, struct node *c, struct err *err)
{
	AUTO_FREE char *rel = NULL;
	bool taken = true, below = true;
	if (k->sel) {
		rel = *f->rel ? xasprintf("%s/%s", f->rel, c->name) : xstrdup(c->name);
		taken = takes(k->sel, rel, &below);
	}
	if (!S_ISDIR(c->st.st_mode)) {
		if (!taken)
			return 0;
		if (enter(k, f, err) < 0)
			return err->code;
		k->n++;
		return k->w->met ? k->w->met(k->w->arg, c, err) : 0;
	}
	struct frame down = {.up = f, .dir = c, .rel = rel ? rel : "", .depth = f->depth + 1};
	if (taken && enter(k, &down, err) < 0)
		return err->code;
	if ((taken || below) && walk_dir(k, &down, err) < 0)
		return err->code;
	return down.entered && k->w->leave ? k->w->leave(k->w->arg, c, err) : 0;
}

static int walk_dir(struct walking *k, struct frame *f, struct err *err)
{
	if (f->depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "directories are nested more than %d levels deep",
			DEPTH_MAX);
	if (filetree_list(k->t, f->dir, err) < 0)
		return err->code;
	for (size_t i = 0; i < f->dir->n_children; i++) {
		struct node *c = f->dir->children[i];
		bool visible;
		if (node_visible(k->t, c, &visible, err) < 0)
			return err->code;
		if (visible && walk_child(k, f, c, err) < 0)
			return err->code;
	}
	return 0;
}

int selection_walk(const struct selection *sel, struct filetree *t, struct node *top,
	const struct walk *w, size_t *ret_n, struct err *err)
{
	struct walking k = {.sel = sel && !selection_takes_all(sel) ? sel : NULL, .t = t, .w = w};
	struct frame f = {.dir = top, .rel = "", .entered = true};
	if (walk_dir(&k, &f, err) < 0)
		return err->code;
	if (ret_n)
		*ret_n = k.n;
	return 0;
}
