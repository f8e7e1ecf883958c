/* SPDX-License-Identifier: Apache-2.0 */
/* chown(2) and its kin for a caller whom only we know. */
#include "run/ids_internal.h"

#include "base/mem.h"
#include "base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What kind of file it is decides where its owner is kept. */
static int record(const struct call *c, int fd, const struct stat *st, uint32_t uid, uint32_t gid)
{
	char own[64], where[PATH_MAX];
	(void)snprintf(own, sizeof(own), "self/fd/%d", fd);
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) {
		AUTO_FD int file = openat(c->s->proc, own, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		return file < 0 ? -1 : owner_say(file, uid, gid);
	}
	const char *name;
	AUTO_FD int dir = call_open_directory(c, fd, where, &name);
	struct stat now;
	if (dir < 0 || fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
		now.st_ino != st->st_ino || now.st_dev != st->st_dev)
		return 0; /* a pipe, a socket, or it has no name any more */
	return owner_say_at(
		dir, name, uid == SAME ? st->st_uid : uid, gid == SAME ? st->st_gid : gid);
}

static int stat_owner(const struct call *c, int fd, struct stat *st)
{
	if (fstat(fd, st) < 0)
		return -errno;
	/* what nobody has said anything about may have been made by who asks */
	st->st_uid = c->cred.uid[1];
	st->st_gid = c->cred.gid[1];
	(void)call_owner(c, fd, st);
	return 0;
}

static bool has_group(const struct cred *cred, uint32_t gid)
{
	if (gid == cred->gid[1])
		return true;
	for (uint32_t i = 0; i < cred->n_groups; i++)
		if (cred->groups[i] == gid)
			return true;
	return false;
}

/* By a program of the step, which would ask us for what it does with the file, and wait: so would
 * we, for it. */
static bool is_served_within(const struct call *c, int fd, const struct stat *st)
{
	struct stat root;
	struct statfs fs;
	return c->s->told.serves && stat("/", &root) == 0 && st->st_dev != root.st_dev &&
	       fstatfs(fd, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC;
}

static int change_owner(const struct call *c, int fd, uint32_t uid, uint32_t gid)
{
	struct stat st;
	int r = stat_owner(c, fd, &st);
	if (r < 0)
		return r;
	bool own = st.st_uid == c->cred.uid[1];
	if (!call_is_root(c) &&
		(!own || (uid != SAME && uid != st.st_uid) ||
			(gid != SAME && gid != st.st_gid && !has_group(&c->cred, gid))))
		return -EPERM;
	if (is_served_within(c, fd, &st))
		return CALL_GO_ON;
	/* by number, as far as the kernel knows them: what chown(2) does besides comes with it */
	if (fchownat(fd, "", uid == SAME ? SAME : 0, gid == SAME ? SAME : 0, AT_EMPTY_PATH) < 0)
		return -errno;
	/* file systems without such attributes are in no layer */
	return record(c, fd, &st, uid, gid) < 0 && errno != EOPNOTSUPP && errno != EPERM ? -errno
	                                                                                 : 0;
}

int call_chown_path(
	const struct call *c, int dirfd, uint64_t path_at, const uint32_t owner[2], int flags)
{
	char path[PATH_MAX];
	int r = call_read_path(c, path_at, path);
	if (r < 0)
		return r;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!*path && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	errno = EBADF;
	AUTO_FD int fd = *path ? call_open_path(c, dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW))
	                       : call_open_fd(c, dirfd);
	if (fd < 0)
		return !*path && errno == ENOENT ? -EBADF : -errno;
	return call_still_there(c) ? change_owner(c, fd, owner[0], owner[1]) : -EINTR;
}

int call_chown_fd(const struct call *c)
{
	errno = EBADF;
	AUTO_FD int fd =
		call_open_fd(c, (int)call_arg(c, 0) == AT_FDCWD ? -1 : (int)call_arg(c, 0));
	if (fd < 0)
		return -EBADF;
	return call_still_there(c) ? change_owner(c, fd, call_arg(c, 1), call_arg(c, 2)) : -EINTR;
}

int call_chown_named(struct call *c, int flags)
{
	const uint32_t owner[2] = {call_arg(c, 1), call_arg(c, 2)};
	return call_chown_path(c, AT_FDCWD, c->n->data.args[0], owner, flags);
}
