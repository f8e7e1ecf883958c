/* SPDX-License-Identifier: Apache-2.0 */
#include "base/room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"

#define TOLD " free in '"

bool room_is_short(const struct err *err)
{
	return err_is_sys(err, ENOSPC) || err_is_sys(err, EDQUOT);
}

/* Of the nearest directory on the way up that is there. */
static char *look(const char *path, struct statvfs *ret)
{
	AUTO_FREE char *at = xstrdup(path);
	while (statvfs(at, ret) < 0) {
		if (errno != ENOENT || streq(at, "/") || streq(at, "."))
			return NULL;
		mem_replace(&at, path_dir(at));
	}
	return take(at);
}

static void append(struct err *err, const char *text)
{
	size_t n = strlen(err->msg);
	(void)snprintf(err->msg + n, sizeof(err->msg) - n, "%s", text);
}

void room_tell(const char *path, struct err *err)
{
	struct statvfs fs;
	if (!room_is_short(err) || strstr(err->msg, TOLD))
		return;
	AUTO_FREE char *at = look(path, &fs);
	if (!at)
		return;
	bool inodes = fs.f_files && !fs.f_favail;
	AUTO_FREE char *text = xasprintf(" (%llu %s are" TOLD "%s', %s)",
		inodes ? 0ULL : (unsigned long long)fs.f_bavail * fs.f_frsize,
		inodes ? "inodes" : "bytes", at,
		err->sys == EDQUOT ? "but a quota keeps them" : "more are needed");
	append(err, text);
}

int room_check(int fd, const char *path, uint64_t bytes, struct err *err)
{
	struct statvfs fs;
	if (fstatvfs(fd, &fs) < 0)
		return err_sys(err, "cannot look for room in '%s'", path);
	uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (available >= bytes)
		return 0;
	errno = ENOSPC;
	(void)err_sys(err, "there is no room for it");
	AUTO_FREE char *text = xasprintf(" (%llu bytes are" TOLD "%s', at least %llu are needed)",
		(unsigned long long)available, path, (unsigned long long)bytes);
	append(err, text);
	return err->code;
}
