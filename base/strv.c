/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strv.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grow(struct strv *s)
{
	if (s->n + 2 > s->cap) {
		s->cap = s->cap ? s->cap * 2 : 8;
		s->v = xreallocarray(s->v, s->cap, sizeof(*s->v));
	}
}

void strv_add_take(struct strv *s, char *str)
{
	grow(s);
	s->v[s->n++] = str;
	s->v[s->n] = NULL;
}

void strv_add(struct strv *s, const char *str)
{
	strv_add_take(s, xstrdup(str));
}

void strv_addf(struct strv *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	strv_add_take(s, xvasprintf(fmt, ap));
	va_end(ap);
}

void strv_insert(struct strv *s, size_t at, const char *str)
{
	grow(s);
	if (at > s->n)
		at = s->n;
	memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(*s->v));
	s->v[at] = xstrdup(str);
	s->v[++s->n] = NULL;
}

void strv_remove(struct strv *s, size_t at)
{
	if (at >= s->n)
		return;
	free(s->v[at]);
	memmove(s->v + at, s->v + at + 1, (s->n - at) * sizeof(*s->v));
	s->n--;
}

void strv_copy(struct strv *dst, const struct strv *src)
{
	strv_done(dst);
	for (size_t i = 0; i < src->n; i++)
		strv_add(dst, src->v[i]);
}

bool strv_has(const struct strv *s, const char *str)
{
	for (size_t i = 0; i < s->n; i++)
		if (streq(s->v[i], str))
			return true;
	return false;
}

static int cmp(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x, *y);
}

void strv_sort(struct strv *s)
{
	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), cmp);
}

void strv_split(struct strv *s, const char *text, char sep)
{
	for (;;) {
		const char *end = strchr(text, sep);
		if (!end) {
			strv_add(s, text);
			return;
		}
		strv_add_take(s, xstrndup(text, (size_t)(end - text)));
		text = end + 1;
	}
}

char *strv_join(const struct strv *s, const char *sep)
{
	size_t len = 1, seplen = strlen(sep);
	for (size_t i = 0; i < s->n; i++)
		len += strlen(s->v[i]) + seplen;
	char *out = xmalloc(len), *at = out;
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			at = mempcpy(at, sep, seplen);
		at = mempcpy(at, s->v[i], strlen(s->v[i]));
	}
	*at = '\0';
	return out;
}

char *const *strv_argv(const struct strv *s)
{
	static char *const empty[] = {NULL};
	return s->v ? s->v : empty;
}

void strv_done(struct strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv)STRV_INIT;
}
