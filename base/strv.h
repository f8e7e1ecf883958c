/* SPDX-License-Identifier: Apache-2.0 */
/* An owned, NULL-terminated vector of owned strings. Zero-initialised is empty. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct strv {
	char **v; /* NULL while empty */
	size_t n;
	size_t cap;
};

#define STRV_INIT                                                                                  \
	{                                                                                          \
		0                                                                                  \
	}
void strv_add(struct strv *s, const char *str); /* copies */
void strv_add_take(struct strv *s, char *str); /* takes ownership */
void strv_addf(struct strv *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strv_insert(struct strv *s, size_t at, const char *str);
void strv_remove(struct strv *s, size_t at);
void strv_copy(struct strv *dst, const struct strv *src); /* dst is cleared first */
bool strv_has(const struct strv *s, const char *str);
void strv_sort(struct strv *s);
void strv_split(struct strv *s, const char *text, char sep); /* appends the parts, empty ones too */
char *strv_join(const struct strv *s, const char *sep); /* new string */
/* as an argv: never NULL */
char *const *strv_argv(const struct strv *s);
void strv_done(struct strv *s);
#define AUTO_STRV __attribute__((cleanup(strv_done)))
/* NOLINTNEXTLINE(bugprone-macro-parentheses): item is a name */
#define STRV_FOREACH(item, s) for (char **item = (s)->v; item && item < (s)->v + (s)->n; item++)
