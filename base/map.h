/* SPDX-License-Identifier: Apache-2.0 */
/* String-keyed table of strings that keeps insertion order (labels, annotations, ENV, build
 * arguments). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct map_entry {
	char *key;
	char *value; /* NULL is a value of its own: "named, but without a value" */
};

struct map {
	struct map_entry *e;
	size_t n;
	size_t cap;
};

#define MAP_INIT                                                                                   \
	{                                                                                          \
		0                                                                                  \
	}
/* Replaces in place when the key is there, else appends. Copies both. */
void map_set(struct map *m, const char *key, const char *value);
/* NULL when absent, or when the value is NULL: map_has() tells. Borrowed. */
const char *map_get(const struct map *m, const char *key);
bool map_has(const struct map *m, const char *key);
bool map_remove(struct map *m, const char *key);
void map_copy(struct map *dst, const struct map *src); /* dst is cleared first */
void map_merge(struct map *dst, const struct map *src);
void map_sort(struct map *m); /* by key, bytewise */
void map_done(struct map *m);
#define AUTO_MAP __attribute__((cleanup(map_done)))
/* NOLINTBEGIN(bugprone-macro-parentheses): entry is a name */
#define MAP_FOREACH(entry, m)                                                                      \
	for (struct map_entry *entry = (m)->e; entry && entry < (m)->e + (m)->n; entry++)
/* NOLINTEND(bugprone-macro-parentheses) */
