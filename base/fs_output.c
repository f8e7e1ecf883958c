/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the user named: his links lead where he wants them. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/room.h"

#define LINKS_MAX 40 /* path_resolution(7) */

/* The same place without links and ".." on the way to its last component, so that others may cut
 * and clean it as a text. NULL: there is no way. New string. */
static char *without_detours(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	AUTO_FREE char *real = realpath(dir, NULL);

	return real ? xasprintf("%s/%s", streq(real, "/") ? "" : real, path_base(path)) : NULL;
}

/* Where the link leads; NULL: it is none. New string. */
static char *link_target(const char *path)
{
	char text[PATH_MAX];
	ssize_t n = readlink(path, text, sizeof(text) - 1);

	if (n <= 0)
		return NULL;
	text[n] = '\0';
	const char *slash = *text == '/' ? NULL : strrchr(path, '/');
	AUTO_FREE char *there =
		slash ? xasprintf("%.*s%s", (int)(slash - path) + 1, path, text) : xstrdup(text);
	char *plain = without_detours(there);
	return plain ? plain : take(there);
}

char *fs_follow(const char *path)
{
	char *at = xstrdup(path);

	for (int i = 0; i < LINKS_MAX; i++) {
		char *next = link_target(at);
		if (!next)
			break;
		mem_replace(&at, next);
	}
	return at;
}

int fs_own_output(const struct stat *st)
{
	struct stat own;

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (fstat(fd, &own) == 0 && own.st_ino == st->st_ino && own.st_dev == st->st_dev)
			return fd;
	return -1;
}

int fs_write_output(
	const char *path, const void *data, size_t n, mode_t mode, bool durable, struct err *err)
{
	struct stat st;
	bool there = stat(path, &st) == 0;

	if (!there && errno != ENOENT)
		return err_sys(err, "cannot write '%s'", path);
	int own = there ? fs_own_output(&st) : -1;
	if (!there || (S_ISREG(st.st_mode) && own < 0)) {
		AUTO_FREE char *file = fs_follow(path);
		if (fs_write_file(AT_FDCWD, file, data, n, mode, durable, err) == 0)
			return 0;
		room_tell(file, err);
		return err->code;
	}
	AUTO_FD int fd = own < 0 ? open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY) : -1;
	int to = own < 0 ? fd : own;
	if (to >= 0 && fs_write_all(to, data, n) == 0)
		return 0;
	(void)err_sys(err, "cannot write '%s'", path);
	room_tell(path, err);
	return err->code;
}

int fs_check_output(const char *path, struct err *err)
{
	struct stat st;
	AUTO_FREE char *file = fs_follow(path);
	AUTO_FREE char *dir = path_dir(file);
	bool there = stat(path, &st) == 0;

	if (there && S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is a directory", path);
	if (there && (!S_ISREG(st.st_mode) || fs_own_output(&st) >= 0))
		return access(path, W_OK) < 0 ? err_sys(err, "cannot write '%s'", path) : 0;
	return access(dir, W_OK | X_OK) < 0 ? err_sys(err, "cannot write to '%s'", dir) : 0;
}

int fs_forget_output(const char *path, struct err *err)
{
	struct stat st;
	AUTO_FREE char *file = fs_follow(path);

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || fs_own_output(&st) >= 0)
		return 0;
	return unlink(file) < 0 ? err_sys(err, "cannot remove '%s'", path) : 0;
}
