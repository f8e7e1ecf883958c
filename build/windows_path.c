/* SPDX-License-Identifier: Apache-2.0 */
#include "build/windows_path.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void replace(char *text, char from, char to)
{
	for (char *p = text; (p = strchr(p, from)); p++)
		*p = to;
}

int windows_path_read(const char *os, char **path, struct err *err)
{
	if (!streq(os, "windows") || !**path)
		return 0;
	AUTO_FREE char *text = xstrdup(*path);
	replace(text, '\\', '/');
	if (str_has_prefix(text, "//"))
		return err_set(err, ERR_INVALID,
			"'%s' is on another machine; write a path of drive C:", *path);
	const char *colon = strchr(text, ':'), *rest = colon ? colon + 1 : text;
	if (colon && (colon != text + 1 || strncasecmp(text, "c", 1) != 0))
		return err_set(err, ERR_INVALID,
			"'%s' is not on drive C:, the only one of an image", *path);
	if (!*rest)
		return err_set(err, ERR_INVALID, "'%s' is a drive without a path; write %s\\",
			*path, *path);
	AUTO_FREE char *clean = path_clean(rest);
	bool slash = str_has_suffix(rest, "/") && !streq(clean, "/");
	mem_replace(path, slash ? xasprintf("%s/", clean) : take(clean));
	return 0;
}

void windows_path_write(const char *os, char *path)
{
	if (streq(os, "windows"))
		replace(path, '/', '\\');
}

void windows_path_reread(const char *os, char *path)
{
	if (streq(os, "windows"))
		replace(path, '\\', '/');
}
