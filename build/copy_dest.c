/* SPDX-License-Identifier: Apache-2.0 */
/* Where a copy goes: destinations resolved inside the root, and the directories they imply. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root.h"
#include "build/chmod.h"
#include "build/copy_internal.h"
#include "run/user.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names the part of path, clean and relative, that is there and no directory. */
static int in_the_way(int root, const char *what, const char *path, struct err *err)
{
	AUTO_FREE char *part = xstrdup(path);
	struct stat st;
	for (char *slash = part; slash; *slash = '/') {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (root_stat(root, part, &st) < 0 || !S_ISDIR(st.st_mode))
			return err_set(err, ERR_INVALID,
				"%s '/%s': '/%s' is not a directory; choose another place, or "
				"remove it in a RUN before",
				what, path, part);
		if (!slash)
			break;
	}
	return err_set(
		err, ERR_INVALID, "%s '/%s': something on the way is not a directory", what, path);
}

mode_t copy_dir_mode(const struct copier *c)
{
	return c->has_mode && !c->w->step->plain_dirs ? chmod_new_dir(&c->mode) : 0755;
}

/* Directories that a copy implies: 0755, or the permissions that --chmod says in octal, and
 * --chown's. */
int copy_make_dirs(const struct copier *c, const char *path, int *ret_fd, struct err *err)
{
	mode_t mode = copy_dir_mode(c);
	if (root_mkdir_p(c->w->root, path, mode, c->has_owner ? c->uid : 0,
		    c->has_owner ? c->gid : 0, ret_fd) < 0) {
		if (c->as_file && (errno == ENOTDIR || errno == EEXIST))
			return err_set(err, ERR_INVALID,
				"cannot copy to '/%s': it is the file that a source before became; "
				"end it with '/' to copy into a directory",
				path);
		if (errno == ENOTDIR || errno == EEXIST)
			return in_the_way(c->w->root, "cannot copy to", path, err);
		return err_sys(err, "cannot make the directory '/%s'", path);
	}
	if (c->implied && !strv_has(c->implied, path))
		strv_add(c->implied, path);
	return 0;
}

static int date_implied(const struct copier *c, const char *path, struct err *err)
{
	struct stat st;
	struct timespec times[2] = {c->latest, c->latest};
	AUTO_FD int fd = root_open(c->w->root, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open '/%s'", path);
	if (!clock_before(st.st_mtim, c->began) && futimens(fd, times) < 0)
		return err_sys(err, "cannot set the times of '/%s'", path);
	return 0;
}

int copy_date_implied(const struct copier *c, struct err *err)
{
	STRV_FOREACH (path, c->implied) {
		AUTO_FREE char *at = xstrdup(*path);
		while (*at) {
			if (date_implied(c, at, err) < 0)
				return err->code;
			char *slash = strrchr(at, '/');
			*(slash ? slash : at) = '\0';
		}
	}
	return 0;
}

/* The step of a copy into a working container is of no file. */
static void warn_overwritten(const struct copy_work *w)
{
	const struct source_inst *at = &w->step->at;
	if (!w->notes)
		return;
	buf_addstr(w->notes, "mica: warning: ");
	if (at->file)
		buf_addf(w->notes, "%s:%u:%u: %s: ", at->file->name, at->inst->pos.line,
			at->inst->pos.column, at->inst->name);
	buf_addf(w->notes,
		"'%s' is no directory: of several files the last one is left there%s; end it with "
		"'/'\n",
		w->step->dest, at->file ? ", as with BuildKit" : "");
}

/* The directory that a copy of a thing called `base` to `dest` goes into, and its name there. */
int copy_place(struct copier *c, const char *dest, const char *base, int *ret_dir, char **ret_path,
	char **ret_name, struct err *err)
{
	bool slash = path_has_trailing_slash(dest);
	if (slash) {
		AUTO_FREE char *top = root_resolve(c->w->root, dest);
		if (!top)
			return err_sys(err, "cannot resolve '%s'", dest);
		if (copy_make_dirs(c, top, NULL, err) < 0)
			return err->code;
	}
	AUTO_FREE char *real = root_resolve(c->w->root, dest);
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
	if (!dest_is_dir && ++c->as_file == 2)
		warn_overwritten(c->w);
	*ret_name = xstrdup(last ? last + 1 : real);
	*ret_path = take(parent);
	return 0;
}

/* As buildah: those of root, and where their links lead. */
static int volumes_make(const struct copy_work *w, struct err *err)
{
	umask(0);
	STRV_FOREACH (dir, &w->step->dirs) {
		AUTO_FREE char *path = path_resolve("/", *dir);
		AUTO_FREE char *real = root_resolve(w->root, path);
		if (!real || root_mkdir_p(w->root, real, 0755, 0, 0, NULL) < 0)
			return err_sys(err, "open %s", path);
	}
	return 0;
}

int workdir_run(const struct copy_work *w, struct err *err)
{
	const struct step *s = w->step;
	if (s->dirs.n)
		return volumes_make(w, err);
	uid_t uid = 0;
	gid_t gid = 0;
	if (s->user && *s->user && copy_owner(w, s->user, &uid, &gid, err) < 0)
		return err_wrap(err, "WORKDIR %s: its owner", s->dest);
	AUTO_FREE char *real = root_resolve(w->root, s->dest);
	if (!real)
		return err_sys(err, "cannot resolve '%s'", s->dest);
	umask(0);
	if (root_mkdir_p(w->root, real, 0755, uid, gid, NULL) < 0) {
		if (errno == ENOTDIR || errno == EEXIST)
			return in_the_way(w->root, "cannot make the directory", real, err);
		return err_sys(err, "cannot make the directory '%s'", s->dest);
	}
	return 0;
}
