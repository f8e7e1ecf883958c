/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/made.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"

/* The directories that are missing above path, and itself, outermost first. */
static void note_missing(struct made *m, const char *path)
{
	struct stat st;
	if (lstat(path, &st) == 0 || errno != ENOENT)
		return;
	AUTO_FREE char *above = path_dir(path);
	if (!streq(above, path) && !streq(above, "."))
		note_missing(m, above);
	strv_add(&m->dirs, path);
}

int made_mkdir(struct made *m, const char *path, struct err *err)
{
	note_missing(m, path);
	return fs_mkdir_p(path, 0755, err);
}

static bool lock_dir(int dir, int how)
{
	int r;
	do {
		r = flock(dir, how);
	} while (r < 0 && errno == EINTR);
	return r == 0;
}

static void look_at_head(const struct made *m, struct stat *ret)
{
	if (fstatat(m->dir, m->head, ret, AT_SYMLINK_NOFOLLOW) < 0)
		*ret = (struct stat){0};
}

/* It is replaced as a whole, so it is another file then. */
static bool head_is_as_before(const struct made *m)
{
	struct stat now;
	look_at_head(m, &now);
	return now.st_ino == m->before.st_ino && now.st_mtim.tv_sec == m->before.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == m->before.st_mtim.tv_nsec;
}

void made_in(struct made *m, int dir, const char *head)
{
	m->dir = dir;
	m->head = head;
	/* some network file systems lock no directories: there nothing will be taken back */
	if (!lock_dir(dir, LOCK_SH))
		log_debug("cannot lock the directory");
	look_at_head(m, &m->before);
}

void made_file(struct made *m, const char *name)
{
	if (faccessat(m->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		strv_add(&m->files, name);
}

void made_keep(struct made *m)
{
	strv_done(&m->dirs);
	strv_done(&m->files);
}

void made_done(struct made *m)
{
	if (m->files.n && lock_dir(m->dir, LOCK_EX | LOCK_NB) && head_is_as_before(m))
		STRV_FOREACH (name, &m->files)
			(void)unlinkat(m->dir, *name, 0);
	/* those that hold what another one made stay */
	for (size_t i = m->dirs.n; i-- > 0;)
		(void)rmdir(m->dirs.v[i]);
	made_keep(m);
}
