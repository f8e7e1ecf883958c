/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void xmalloc_failed(void)
{
	static const char text[] = "mica: out of memory\n";
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(125);
	_exit(125);
}

static void *checked(void *p)
{
	if (!p)
		xmalloc_failed();
	return p;
}

void *xmalloc(size_t n)
{
	return checked(malloc(n ? n : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	return checked(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return checked(strndup(s, n));
}

void *xmemdup(const void *p, size_t n)
{
	void *copy = xmalloc(n);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

void *xtsearch(const void *key, void **root, int (*compare)(const void *, const void *))
{
	return checked(tsearch(key, root, compare));
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s;
	if (vasprintf(&s, fmt, ap) < 0)
		xmalloc_failed();
	return s;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

void mem_free_p(void *pp)
{
	void *p;
	memcpy(&p, pp, sizeof(p)); /* any pointer type */
	free(p);
}

void mem_close_p(int *fd)
{
	if (*fd < 0)
		return;
	int saved = errno;
	close(take_fd(fd));
	errno = saved;
}

int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

void mem_replace(char **dst, char *s)
{
	free(*dst);
	*dst = s;
}

bool streq_null(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

bool str_has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);
	return n >= m && streq(s + n - m, suffix);
}

char *str_lower(char *s)
{
	for (char *c = s; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return s;
}

char *str_upper(char *s)
{
	for (char *c = s; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	return s;
}
