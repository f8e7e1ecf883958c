/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that never fails, and ownership by cleanup attribute. Running out of memory ends the
 * program: every change on disk is a temporary file and a rename, so dying is always safe. Sizes
 * that come from outside are checked against a named limit before they reach these functions.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIB 1024ULL
#define MIB (1024ULL * KIB)
#define GIB (1024ULL * MIB)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

_Noreturn void xmalloc_failed(void); /* for wrappers of libraries that report it otherwise */
void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* n elements of size bytes; dies on overflow */
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull, nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull, nonnull));
/* tsearch(3) */
void *xtsearch(const void *key, void **root, int (*compare)(const void *, const void *))
	__attribute__((returns_nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *xvasprintf(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0), returns_nonnull));

void mem_free_p(void *pp); /* for AUTO_FREE: pp is the address of a pointer */
void mem_close_p(int *fd); /* for AUTO_FD; keeps errno, leaves -1 */
#define AUTO_FREE __attribute__((cleanup(mem_free_p)))
#define AUTO_FD __attribute__((cleanup(mem_close_p)))

/* Hands a pointer over: its value, the variable becomes NULL. */
#define take(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
int take_fd(int *fd);

/* replace *dst (freed) by s (owned) */
void mem_replace(char **dst, char *s);
static inline bool streq(const char *a, const char *b)
{
	return __builtin_strcmp(a, b) == 0;
}
/* both NULL, or equal */
bool streq_null(const char *a, const char *b);
bool str_has_prefix(const char *s, const char *prefix);
/* ASCII letters in place; returns s */
char *str_lower(char *s);
char *str_upper(char *s);
bool str_has_suffix(const char *s, const char *suffix);
