/* SPDX-License-Identifier: Apache-2.0 */
#include "build/hidden.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/filetree.h"
#include "build/selection.h"
#include "build/steps.h"

static const char *name_of(const char *rules)
{
	return rules ? rules : "the ignore rules";
}

char *hidden_left(struct filetree *t)
{
	size_t n = filetree_count(t);
	return xasprintf("%zu file%s", n, n == 1 ? "" : "s");
}

char *hidden_path(struct filetree *t, const char *path, const char *rules)
{
	unsigned line;
	if (!filetree_hidden_by(t, path, &line))
		return NULL;
	AUTO_FREE char *left = hidden_left(t);
	return xasprintf("'%s' is excluded from the context by %s:%u (the context has %s)", path,
		name_of(rules), line, left);
}

struct finding {
	struct filetree *shown; /* with the rules */
	size_t n;
	char *first;
	unsigned line; /* the rule that hides it */
};

static void look_at(struct finding *f, const char *path)
{
	unsigned line;
	if (!filetree_hidden_by(f->shown, path, &line))
		return;
	if (!f->n++) {
		f->first = xstrdup(path);
		f->line = line;
	}
}

static int met(void *arg, struct node *n, struct err *err)
{
	AUTO_FREE char *path = node_path(n);
	(void)err;
	look_at(arg, path);
	return 0;
}

char *hidden_matches(
	struct filetree *t, const struct step *s, const char *pattern, const char *rules)
{
	/* what there is without the rules */
	struct filetree *all = filetree_new(filetree_rootfd(t), NULL, NULL, FILETREE_RESET_OWNER);
	AUTO_SELECTION struct selection sel = {0};
	struct finding f = {.shown = t};
	struct match *m = NULL;
	size_t n = 0;
	struct err err = ERR_INIT;
	if (selection_init(&sel, pattern, s->parents, &s->excludes, &err) == 0 &&
		filetree_glob(all, sel.root, &m, &n, &err) == 0) {
		const struct walk w = {.met = met, .arg = &f};
		for (size_t i = 0; i < n; i++)
			if (!s->parents)
				look_at(&f, m[i].path);
			else if (selection_walk(&sel, all, m[i].node, &w, NULL, &err) < 0)
				break;
		matches_free(m, n);
	}
	filetree_free(all);
	AUTO_FREE char *first = f.first,
		       *more = f.n > 1 ? xasprintf(" and %zu more", f.n - 1) : xstrdup("");
	return f.n ? xasprintf("%s:%u hides '%s'%s", name_of(rules), f.line, first, more) : NULL;
}
