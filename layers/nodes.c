/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/nodes.h"

#include "base/mem.h"
#include "base/path.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 1024 /* a power of two */

struct nodes {
	struct node **bucket;
	size_t n_buckets;
	size_t n;
};

struct nodes *nodes_new(void)
{
	struct nodes *t = xcalloc(1, sizeof(*t));
	t->n_buckets = BUCKETS_MIN;
	t->bucket = xcalloc(t->n_buckets, sizeof(struct node *));
	return t;
}

static void node_free(struct node *n)
{
	free(n->link);
	free(n);
}

void nodes_free(struct nodes *t)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct node *n = t->bucket[i]; n;) {
			struct node *next = n->next;
			node_free(n);
			n = next;
		}
	}
	free(t->bucket);
	free(t);
}

/* FNV-1a. Whoever makes an archive of colliding names slows down the check of that one layer. */
static struct node **slot(struct nodes *t, const char *path)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (const char *p = path; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	struct node **at = &t->bucket[(h ^ h >> 32) & (t->n_buckets - 1)];
	while (*at && !streq((*at)->path, path))
		at = &(*at)->next;
	return at;
}

struct node *nodes_find(struct nodes *t, const char *path)
{
	return *slot(t, path);
}

static void grow(struct nodes *t)
{
	struct node **old = t->bucket;
	size_t n_old = t->n_buckets;
	t->n_buckets *= 2;
	t->bucket = xcalloc(t->n_buckets, sizeof(struct node *));
	for (size_t i = 0; i < n_old; i++) {
		for (struct node *n = old[i]; n;) {
			struct node *next = n->next;
			n->next = NULL;
			*slot(t, n->path) = n;
			n = next;
		}
	}
	free(old);
}

struct node *nodes_put(struct nodes *t, const char *path)
{
	struct node **at = slot(t, path), *n = *at;
	if (n)
		return n;
	size_t len = strlen(path) + 1;
	n = xmalloc(sizeof(*n) + len);
	memset(n, 0, sizeof(*n));
	memcpy(n->path, path, len);
	*at = n;
	if (++t->n > t->n_buckets)
		grow(t);
	return n;
}

void nodes_drop_below(struct nodes *t, const char *path)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct node **at = &t->bucket[i]; *at;) {
			struct node *n = *at;
			if (!path_is_below(n->path, path) || streq(n->path, path)) {
				at = &n->next;
				continue;
			}
			*at = n->next;
			node_free(n);
			t->n--;
		}
	}
}

static int cmp_nodes(const void *a, const void *b)
{
	return strcmp((*(struct node *const *)a)->path, (*(struct node *const *)b)->path);
}

void nodes_each(struct nodes *t, void (*fn)(void *arg, struct node *n), void *arg)
{
	AUTO_FREE struct node **all = xcalloc(t->n + 1, sizeof(struct node *));
	size_t n = 0;
	for (size_t i = 0; i < t->n_buckets; i++)
		for (struct node *k = t->bucket[i]; k; k = k->next)
			all[n++] = k;
	qsort(all, n, sizeof(struct node *), cmp_nodes);
	for (size_t i = 0; i < n; i++)
		fn(arg, all[i]);
}

void node_reset(struct node *n)
{
	struct node *next = n->next;
	free(n->link);
	memset(n, 0, offsetof(struct node, path));
	n->next = next;
}

void node_copy(struct node *n, const struct node *from)
{
	struct node *next = n->next;
	free(n->link);
	memcpy(n, from, offsetof(struct node, path));
	n->next = next;
	n->link = from->link ? xstrdup(from->link) : NULL;
}

char *nodes_parent(const char *path)
{
	if (!*path)
		return NULL;
	const char *slash = strrchr(path, '/');
	return xstrndup(path, slash ? (size_t)(slash - path) : 0);
}
