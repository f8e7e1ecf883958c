/* SPDX-License-Identifier: Apache-2.0 */
#include "build/similar.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "build/filetree.h"
#include "build/suggest.h"

#define NODES_MAX 20000 /* looked at for a file of that name in another directory */

static bool list(struct filetree *t, struct node *n)
{
	struct err ignored = ERR_INIT;
	return S_ISDIR(n->st.st_mode) && filetree_list(t, n, &ignored) == 0;
}

static struct node *child_named(struct filetree *t, struct node *n, const char *name)
{
	for (size_t i = 0; list(t, n) && i < n->n_children; i++)
		if (streq(n->children[i]->name, name))
			return n->children[i];
	return NULL;
}

static struct node *child_like(struct filetree *t, struct node *n, const char *name)
{
	if (!list(t, n))
		return NULL;
	const char **names = xcalloc(n->n_children + 1, sizeof(*names));
	size_t count = 0;
	for (size_t i = 0; i < n->n_children; i++)
		if (!n->children[i]->ignored)
			names[count++] = n->children[i]->name;
	const char *found = suggest(name, names, count);
	struct node *ret = found ? child_named(t, n, found) : NULL;
	free(names);
	return ret;
}

/* Breadth first: the one nearest to the top. */
static struct node *find_name(struct filetree *t, const char *name)
{
	struct node **queue = xcalloc(NODES_MAX, sizeof(struct node *)), *ret = NULL;
	size_t n = 0;
	queue[n++] = filetree_root(t);
	for (size_t at = 0; at < n && !ret; at++) {
		struct node *dir = queue[at];
		for (size_t i = 0; list(t, dir) && i < dir->n_children && !ret; i++) {
			struct node *child = dir->children[i];
			if (!child->ignored && strcasecmp(child->name, name) == 0)
				ret = child;
			if (n < NODES_MAX)
				queue[n++] = child;
		}
	}
	free(queue);
	return ret;
}

char *similar_path(struct filetree *t, const char *path)
{
	AUTO_FREE char *clean = path_clean_rel(path);
	AUTO_STRV struct strv parts = STRV_INIT;
	strv_split(&parts, clean, '/');
	struct node *at = filetree_root(t);
	bool changed = false;
	for (size_t i = 0; at && i < parts.n; i++) {
		struct node *next = child_named(t, at, parts.v[i]);
		if (!next && !changed) {
			next = child_like(t, at, parts.v[i]);
			changed = true;
		}
		at = next;
	}
	if (!at && *clean)
		at = find_name(t, path_base(clean));
	return at && at->parent ? node_path(at) : NULL;
}
