/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a mount is asked to change before the workload sees them: --volume with U gives what
 * is there to the workload's user, tmpcopyup fills a tmpfs with what it is mounted over. Both walk
 * by descriptor and follow no link.
 */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "layers/walk.h"
#include "run/mounts.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 200 /* each takes a descriptor or two */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* --- U --------------------------------------------------------------------------------------- */

struct give {
	uid_t uid;
	gid_t gid;
	const char *target;
	unsigned depth;
};

static int give_failed(const struct give *g, const char *name, struct err *err)
{
	return err_sys(err, "volume '%s', option 'U': cannot give '%s' to %u:%u", g->target, name,
		(unsigned)g->uid, (unsigned)g->gid);
}

static int give_tree(struct give *g, int dir, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	if (++g->depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT,
			"volume '%s', option 'U': directories are nested more than %d deep",
			g->target, DEPTH_MAX);
	if (walk_list_read(dir, g->target, &list, err) < 0)
		return err->code;
	for (size_t i = 0; i < list.n; i++) {
		const struct walk_item *it = &list.items[i];
		if (!it->descend) {
			if (fchownat(dir, it->name, g->uid, g->gid, AT_SYMLINK_NOFOLLOW) < 0)
				return give_failed(g, it->name, err);
			continue;
		}
		AUTO_FD int sub = openat(dir, it->name, DIR_FLAGS);
		if (sub < 0)
			return give_failed(g, it->name, err);
		if (give_tree(g, sub, err) < 0)
			return err->code;
	}
	g->depth--;
	return 0;
}

int mount_give(const struct box *b, int source, const char *target, struct err *err)
{
	struct give g = {.target = target};
	struct stat st;
	if (!idmap_outside(&b->spec->users.uids, b->user.uid, &g.uid) ||
		!idmap_outside(&b->spec->users.gids, b->user.gid, &g.gid))
		return err_set(err, ERR_INVALID,
			"volume '%s', option 'U': the user %u:%u is not in the user namespace",
			target, (unsigned)b->user.uid, (unsigned)b->user.gid);
	if (fstat(source, &st) < 0 ||
		fchownat(source, "", g.uid, g.gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return give_failed(&g, ".", err);
	if (!S_ISDIR(st.st_mode))
		return 0;
	AUTO_FD int dir = openat(source, ".", DIR_FLAGS);
	return dir < 0 ? give_failed(&g, ".", err) : give_tree(&g, dir, err);
}

/* --- tmpcopyup -------------------------------------------------------------------------------- */

struct copy_up {
	const char *target;
	unsigned depth;
};

static int copy_failed(const struct copy_up *c, const char *name, struct err *err)
{
	return err_sys(err, "tmpfs on '%s', option 'tmpcopyup': cannot copy '%s'", c->target, name);
}

/* A tmpfs may not have the attributes that owners are kept in: all is ours there then. */
static int shape(int fd, const struct stat *st)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
	return (!owner_is_kept() && fchown(fd, st->st_uid, st->st_gid) < 0) ||
	                       fchmod(fd, st->st_mode & 07777) < 0 || futimens(fd, times) < 0
	               ? -1
	               : 0;
}

static int copy_file(int from, const char *name, int to, const struct stat *st)
{
	AUTO_FD int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_FD int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in < 0 || out < 0 || fs_copy_data(in, out, (uint64_t)st->st_size) < 0)
		return -1;
	return shape(out, st);
}

static int copy_link(int from, const char *name, int to, const struct stat *st)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(from, name, text, sizeof(text) - 1);
	if (n < 0)
		return -1;
	text[n] = '\0';
	if (symlinkat(text, to, name) < 0)
		return -1;
	return owner_is_kept() ? 0
	                       : fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_dir(struct copy_up *c, int from, int to, struct err *err);

static int copy_sub(struct copy_up *c, int from, const char *name, int to, struct err *err)
{
	struct stat st;
	AUTO_FD int in = openat(from, name, DIR_FLAGS);
	if (in < 0 || fstat(in, &st) < 0 || mkdirat(to, name, 0700) < 0)
		return copy_failed(c, name, err);
	AUTO_FD int out = openat(to, name, DIR_FLAGS);
	if (out < 0)
		return copy_failed(c, name, err);
	if (copy_dir(c, in, out, err) < 0)
		return err->code;
	return shape(out, &st) < 0 ? copy_failed(c, name, err) : 0;
}

static int copy_dir(struct copy_up *c, int from, int to, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	if (++c->depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT,
			"tmpfs on '%s': directories are nested more than %d deep", c->target,
			DEPTH_MAX);
	if (walk_list_read(from, c->target, &list, err) < 0)
		return err->code;
	for (size_t i = 0; i < list.n; i++) {
		const struct walk_item *it = &list.items[i];
		struct stat st;
		if (it->descend) {
			if (copy_sub(c, from, it->name, to, err) < 0)
				return err->code;
			continue;
		}
		if (fstatat(from, it->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return copy_failed(c, it->name, err);
		/* devices do not open there, and nobody is at the other end of a pipe or socket */
		if ((S_ISREG(st.st_mode) && copy_file(from, it->name, to, &st) < 0) ||
			(S_ISLNK(st.st_mode) && copy_link(from, it->name, to, &st) < 0))
			return copy_failed(c, it->name, err);
	}
	c->depth--;
	return 0;
}

int mount_copy_up(int from, int to, const char *target, bool keep_mode, struct err *err)
{
	struct copy_up c = {.target = target};
	struct stat st, own;
	AUTO_FD int in = openat(from, ".", DIR_FLAGS);
	AUTO_FD int out = openat(to, ".", DIR_FLAGS);
	if (in < 0 || out < 0 || fstat(in, &st) < 0 || fstat(out, &own) < 0)
		return copy_failed(&c, ".", err);
	if (copy_dir(&c, in, out, err) < 0)
		return err->code;
	if (keep_mode)
		st.st_mode = own.st_mode;
	return shape(out, &st) < 0 ? copy_failed(&c, ".", err) : 0;
}
