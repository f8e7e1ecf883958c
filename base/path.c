/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include "base/mem.h"
#include "base/strv.h"

#include <stdlib.h>
#include <string.h>

/* The components of p folded into out (room for strlen(p) + 2); rooted: ".." stops at the top, else
 * leading ".." stay. Returns the length. */
static size_t fold(const char *p, bool rooted, char *out)
{
	size_t len = 0, floor = 0; /* below floor lie ".." that cannot be folded */
	while (*p) {
		const char *end = strchrnul(p, '/');
		size_t n = (size_t)(end - p);
		if (n == 0 || (n == 1 && p[0] == '.')) {
			/* nothing */
		} else if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (len > floor) {
				while (len > floor && out[len - 1] != '/')
					len--;
				if (len > floor)
					len--;
			} else if (!rooted) {
				if (len)
					out[len++] = '/';
				out[len++] = '.';
				out[len++] = '.';
				floor = len;
			}
		} else {
			if (len)
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
		}
		p = *end ? end + 1 : end;
	}
	out[len] = '\0';
	return len;
}

char *path_clean(const char *p)
{
	bool rooted = p[0] == '/';
	char *out = xmalloc(strlen(p) + 3);
	if (rooted) {
		out[0] = '/';
		fold(p, true, out + 1);
	} else if (fold(p, false, out) == 0) {
		memcpy(out, ".", 2);
	}
	return out;
}

char *path_clean_rel(const char *p)
{
	char *out = xmalloc(strlen(p) + 2);
	fold(p, true, out);
	return out;
}

char *path_join(const char *a, const char *b)
{
	AUTO_FREE char *joined = *a ? xasprintf("%s/%s", a, b) : xstrdup(b);
	return path_clean(joined);
}

char *path_resolve(const char *a, const char *b)
{
	return b[0] == '/' ? path_clean(b) : path_join(a, b);
}

const char *path_base(const char *p)
{
	const char *slash = strrchr(p, '/');
	return slash ? slash + 1 : p;
}

char *path_dir(const char *p)
{
	const char *slash = strrchr(p, '/');
	if (!slash)
		return xstrdup(".");
	AUTO_FREE char *dir = xstrndup(p, slash == p ? 1 : (size_t)(slash - p));
	return path_clean(dir);
}

bool path_is_below(const char *p, const char *dir)
{
	size_t n = strlen(dir);
	if (streq(dir, ".") || n == 0)
		return p[0] != '/';
	if (streq(dir, "/"))
		return p[0] == '/';
	return strncmp(p, dir, n) == 0 && (p[n] == '\0' || p[n] == '/');
}

bool path_has_trailing_slash(const char *p)
{
	return str_has_suffix(p, "/") || str_has_suffix(p, "/.");
}

void path_push(struct strv *todo, const char *path)
{
	AUTO_STRV struct strv parts = STRV_INIT;
	strv_split(&parts, path, '/');
	for (size_t i = parts.n; i-- > 0;)
		if (*parts.v[i] && !streq(parts.v[i], "."))
			strv_add(todo, parts.v[i]);
}
