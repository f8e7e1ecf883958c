/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image_sort.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/image_list.h"

/* "" when it has no name */
static const char *name_of(const struct listed *l)
{
	return l->refs.n ? l->refs.v[0] : "";
}

/* Where the tag, or a digest, begins. */
static size_t repository_length(const char *name)
{
	const char *slash = strrchr(name, '/'), *from = slash ? slash : name;

	return (size_t)(from - name) + strcspn(from, ":@");
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_created(const void *x, const void *y)
{
	const struct listed *a = x, *b = y;

	if (a->created_s != b->created_s)
		return a->created_s < b->created_s ? 1 : -1;
	return compare(b->created_ns, a->created_ns);
}

static int by_id(const void *x, const void *y)
{
	const struct listed *a = x, *b = y;
	char m[DIGEST_STR_MAX], n[DIGEST_STR_MAX];

	return strcmp(digest_str(&a->shown, m), digest_str(&b->shown, n));
}

static int by_size(const void *x, const void *y)
{
	const struct listed *a = x, *b = y;

	return compare(a->size, b->size);
}

static int by_repository(const void *x, const void *y)
{
	const char *a = name_of(x), *b = name_of(y);
	size_t m = repository_length(a), n = repository_length(b);
	int d = strncmp(a, b, m < n ? m : n);

	if (d == 0)
		d = compare(m, n);
	return d ? d : strcmp(a + m, b + n);
}

static int by_tag(const void *x, const void *y)
{
	const char *a = name_of(x), *b = name_of(y);
	int d = strcmp(a + repository_length(a), b + repository_length(b));

	return d ? d : strcmp(a, b);
}

static const struct {
	const char *word;
	int (*compare)(const void *x, const void *y);
	bool named;
} orders[] = {
	{"created", by_created, false},
	{"id", by_id, false},
	{"repository", by_repository, true},
	{"size", by_size, false},
	{"tag", by_tag, true},
};

/* All that a line shows, but for the name. */
static struct listed copy_of(const struct listed *l)
{
	struct listed copy = *l;

	copy.refs = (struct strv)STRV_INIT;
	copy.labels = (struct map)MAP_INIT;
	map_copy(&copy.labels, &l->labels);
	return copy;
}

/* The names behind the first are taken out, and put behind the list. */
static void split_names(struct image_list *l)
{
	const size_t before = l->n;

	for (size_t i = 0; i < before; i++) {
		while (l->i[i].refs.n > 1) {
			struct listed copy = copy_of(&l->i[i]);
			strv_add(&copy.refs, l->i[i].refs.v[1]);
			strv_remove(&l->i[i].refs, 1);
			l->i = xreallocarray(l->i, l->n + 1, sizeof(*l->i));
			l->i[l->n++] = copy;
		}
	}
}

int image_sort(struct image_list *l, const char *by, bool lines, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		if (!streq(orders[i].word, by))
			continue;
		if (orders[i].named && lines)
			split_names(l);
		if (l->n)
			qsort(l->i, l->n, sizeof(*l->i), orders[i].compare);
		return 0;
	}
	return err_set(err, ERR_INVALID,
		"option '--sort': '%s' is not one of 'created', 'id', 'repository', 'size', 'tag'",
		by);
}
