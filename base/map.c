/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct map_entry *find(const struct map *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (streq(m->e[i].key, key))
			return &m->e[i];
	return NULL;
}

void map_set(struct map *m, const char *key, const char *value)
{
	char *copy = value ? xstrdup(value) : NULL; /* value may be the one we free */
	struct map_entry *e = find(m, key);
	if (e) {
		mem_replace(&e->value, copy);
		return;
	}
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 8;
		m->e = xreallocarray(m->e, m->cap, sizeof(*m->e));
	}
	m->e[m->n++] = (struct map_entry){.key = xstrdup(key), .value = copy};
}

const char *map_get(const struct map *m, const char *key)
{
	const struct map_entry *e = find(m, key);
	return e ? e->value : NULL;
}

bool map_has(const struct map *m, const char *key)
{
	return find(m, key) != NULL;
}

bool map_remove(struct map *m, const char *key)
{
	struct map_entry *e = find(m, key);
	if (!e)
		return false;
	free(e->key);
	free(e->value);
	size_t at = (size_t)(e - m->e);
	memmove(e, e + 1, (m->n - at - 1) * sizeof(*e));
	m->n--;
	return true;
}

void map_copy(struct map *dst, const struct map *src)
{
	map_done(dst);
	if (!src->n)
		return;
	/* the keys are unique already: none has to be searched for */
	dst->e = xreallocarray(NULL, src->n, sizeof(*dst->e));
	dst->cap = src->n;
	for (size_t i = 0; i < src->n; i++) {
		const struct map_entry *e = &src->e[i];
		dst->e[dst->n++] = (struct map_entry){
			.key = xstrdup(e->key), .value = e->value ? xstrdup(e->value) : NULL};
	}
}

void map_merge(struct map *dst, const struct map *src)
{
	for (size_t i = 0; i < src->n; i++)
		map_set(dst, src->e[i].key, src->e[i].value);
}

static int cmp(const void *a, const void *b)
{
	const struct map_entry *x = a, *y = b;
	return strcmp(x->key, y->key);
}

void map_sort(struct map *m)
{
	if (m->n > 1)
		qsort(m->e, m->n, sizeof(*m->e), cmp);
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->e[i].key);
		free(m->e[i].value);
	}
	free(m->e);
	*m = (struct map)MAP_INIT;
}
