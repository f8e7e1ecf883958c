/* SPDX-License-Identifier: Apache-2.0 */
/* What a pattern finds in a tree. */
#include "build/filetree.h"

#include "base/err.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct matches {
	struct match *m;
	size_t n, cap;
};

static void add_match(struct matches *out, struct node *n, const char *path)
{
	if (out->n == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 8;
		out->m = xreallocarray(out->m, out->cap, sizeof(*out->m));
	}
	out->m[out->n++] = (struct match){.node = n, .path = xstrdup(path)};
}

/* Matches below n: everything whose path relative to the pattern's fixed part fits; a directory
 * that fits is not searched further. */
static int glob_below(struct filetree *t, struct node *n, const char *prefix, const char *rel,
	const char *pattern, struct matches *out, struct err *err)
{
	if (!S_ISDIR(n->st.st_mode))
		return 0;
	if (filetree_list(t, n, err) < 0)
		return err->code;
	size_t depth = 1, pattern_depth = 1;
	for (const char *p = rel; *p; p++)
		depth += *p == '/';
	depth += *rel != '\0';
	for (const char *p = pattern; *p; p++)
		pattern_depth += *p == '/';
	for (size_t i = 0; i < n->n_children; i++) {
		struct node *c = n->children[i];
		bool visible;
		if (node_visible(t, c, &visible, err) < 0)
			return err->code;
		if (!visible)
			continue;
		AUTO_FREE char *crel = *rel ? xasprintf("%s/%s", rel, c->name) : xstrdup(c->name);
		if (glob_match(pattern, crel)) {
			AUTO_FREE char *path =
				*prefix ? xasprintf("%s/%s", prefix, crel) : xstrdup(crel);
			add_match(out, c, path);
		} else if (depth < pattern_depth) {
			if (glob_below(t, c, prefix, crel, pattern, out, err) < 0)
				return err->code;
		}
	}
	return 0;
}

/* A '*', '?' or '[' that is not escaped. */
static bool has_wildcard(const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s == '*' || *s == '?' || *s == '[')
			return true;
	}
	return false;
}

static char *unescape(const char *s)
{
	char *out = xmalloc(strlen(s) + 1), *at = out;
	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		*at++ = *s;
	}
	*at = '\0';
	return out;
}

int filetree_glob(
	struct filetree *t, const char *pattern, struct match **ret, size_t *ret_n, struct err *err)
{
	struct matches out = {0};
	AUTO_FREE char *clean = path_clean_rel(pattern);
	AUTO_STRV struct strv parts = STRV_INIT;
	strv_split(&parts, clean, '/');
	size_t fixed = 0;
	while (fixed < parts.n && !has_wildcard(parts.v[fixed]))
		fixed++;
	AUTO_STRV struct strv head = STRV_INIT, tail = STRV_INIT;
	for (size_t i = 0; i < parts.n; i++)
		strv_add(i < fixed ? &head : &tail, parts.v[i]);
	AUTO_FREE char *raw = strv_join(&head, "/"), *prefix = unescape(raw),
		       *rest = strv_join(&tail, "/");
	struct node *base;
	if (filetree_lookup(t, prefix, tail.n > 0, &base, err) < 0)
		return err->code;
	if (base && tail.n == 0)
		add_match(&out, base, prefix);
	else if (base && glob_below(t, base, prefix, "", rest, &out, err) < 0) {
		matches_free(out.m, out.n);
		return err->code;
	}
	*ret = out.m;
	*ret_n = out.n;
	return 0;
}

void matches_free(struct match *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(m[i].path);
	free(m);
}

int filetree_follow(struct filetree *t, const struct match *m, struct node **ret, struct err *err)
{
	struct node *to = NULL;
	if (!m->node->link) {
		*ret = m->node;
		return 0;
	}
	if (filetree_lookup(t, m->path, true, &to, err) < 0)
		return err->code;
	if (!to)
		return err_set(err, ERR_NOT_FOUND,
			"'%s' is a link to nothing: '%s' is not among the files to copy from",
			m->path, m->node->link);
	*ret = to;
	return 0;
}
