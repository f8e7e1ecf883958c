/* SPDX-License-Identifier: Apache-2.0 */
/* Where a copy goes: destinations resolved inside the root, and the directories they imply. */
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root.h"
#include "base/strv.h"
#include "build/chmod.h"
#include "build/copy_internal.h"
#include "run/user.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40

/*
 * The place a destination names: links followed inside the root, also the last component and also
 * into nothing, as a program would that creates it. New string, clean and relative; NULL with
 * errno.
 */
char *copy_resolve(int root, const char *path)
{
	AUTO_STRV struct strv todo = STRV_INIT, done = STRV_INIT;
	int links = 0;
	strv_split(&todo, path, '/');
	while (todo.n) {
		AUTO_FREE char *name = xstrdup(todo.v[0]);
		strv_remove(&todo, 0);
		if (!*name || streq(name, "."))
			continue;
		if (streq(name, "..")) {
			if (done.n)
				strv_remove(&done, done.n - 1);
			continue;
		}
		strv_add(&done, name);
		AUTO_FREE char *sofar = strv_join(&done, "/");
		AUTO_FD int fd = root_open(root, sofar, O_PATH | O_NOFOLLOW, 0);
		struct stat st;
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
			return NULL;
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode))
			continue;
		char target[4096];
		ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
		if (n < 0)
			return NULL;
		target[n] = '\0';
		if (++links > LINKS_MAX) {
			errno = ELOOP;
			return NULL;
		}
		strv_remove(&done, done.n - 1);
		if (target[0] == '/')
			strv_done(&done);
		AUTO_STRV struct strv parts = STRV_INIT;
		strv_split(&parts, target, '/');
		for (size_t i = parts.n; i-- > 0;)
			strv_insert(&todo, 0, parts.v[i]);
	}
	return strv_join(&done, "/");
}

/* Directories that a copy implies: 0755, or what --chmod makes of that, and --chown's. */
int copy_make_dirs(const struct copier *c, const char *path, int *ret_fd, struct err *err)
{
	mode_t mode = c->has_mode ? chmod_apply(&c->mode, S_IFDIR | 0755) : 0755;
	if (root_mkdir_p(c->w->root, path, mode, c->has_owner ? c->uid : 0,
		    c->has_owner ? c->gid : 0, ret_fd) < 0) {
		if (errno == ENOTDIR || errno == EEXIST)
			return err_set(err, ERR_INVALID,
				"cannot copy to '/%s': something on the way is not a directory",
				path);
		return err_sys(err, "cannot make the directory '/%s'", path);
	}
	return 0;
}

/* The directory that a copy of a thing called `base` to `dest` goes into, and its name there. */
int copy_place(struct copier *c, const char *dest, const char *base, int *ret_dir, char **ret_path,
	char **ret_name, struct err *err)
{
	bool slash = path_has_trailing_slash(dest);
	if (slash) {
		AUTO_FREE char *top = copy_resolve(c->w->root, dest);
		if (!top)
			return err_sys(err, "cannot resolve '%s'", dest);
		if (copy_make_dirs(c, top, NULL, err) < 0)
			return err->code;
	}
	AUTO_FREE char *real = copy_resolve(c->w->root, dest);
	if (!real)
		return err_sys(err, "cannot resolve '%s'", dest);
	struct stat st;
	bool dest_is_dir = root_lstat(c->w->root, real, &st) == 0 && S_ISDIR(st.st_mode);
	if (dest_is_dir)
		mem_replace(&real, *real ? xasprintf("%s/%s", real, base) : xstrdup(base));
	const char *last = strrchr(real, '/');
	AUTO_FREE char *parent = last ? xstrndup(real, (size_t)(last - real)) : xstrdup("");
	if (copy_make_dirs(c, parent, ret_dir, err) < 0)
		return err->code;
	*ret_name = xstrdup(last ? last + 1 : real);
	*ret_path = take(parent);
	return 0;
}

int workdir_run(const struct copy_work *w, struct err *err)
{
	const struct step *s = w->step;
	uid_t uid = 0;
	gid_t gid = 0;
	if (s->user && *s->user && copy_owner(w, s->user, &uid, &gid, err) < 0)
		return err_wrap(err, "WORKDIR %s: its owner", s->dest);
	AUTO_FREE char *real = copy_resolve(w->root, s->dest);
	if (!real)
		return err_sys(err, "cannot resolve '%s'", s->dest);
	umask(0);
	if (root_mkdir_p(w->root, real, 0755, uid, gid, NULL) < 0) {
		if (errno == ENOTDIR || errno == EEXIST)
			return err_set(err, ERR_INVALID,
				"'%s': something on the way is not a directory", s->dest);
		return err_sys(err, "cannot make the directory '%s'", s->dest);
	}
	return 0;
}
