/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stat(2) and its kin, with the owners that are kept. Answered is only what the kernel would answer
 * otherwise: a file that the caller reaches, and that is another's than root's. Everything else the
 * kernel does itself, so a path that we do not follow costs an owner and gives nothing away.
 */
#include "run/ids_internal.h"

#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAT_MAX 256 /* bytes of any machine's struct stat */
#define FLAGS (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)

/* FUSE does not know when a file was made. Then what has changed is taken for new, but not in a
 * command of root's, who changes old ones, too. */
static bool is_new(const struct call *c, int fd)
{
	struct statx st;
	const struct timespec begun = c->s->begun;
	const struct owner user = c->s->told.user;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_CTIME, &st) < 0 ||
		(!(st.stx_mask & STATX_BTIME) && user.uid == 0 && user.gid == 0))
		return false;
	const struct statx_timestamp t = st.stx_mask & STATX_BTIME ? st.stx_btime : st.stx_ctime;
	return t.tv_sec > begun.tv_sec ||
	       (t.tv_sec == begun.tv_sec && t.tv_nsec >= (uint32_t)begun.tv_nsec);
}

/* What is made in a directory with the set-group-ID bit has its group, and so have new directories
 * in there, and that bit. */
static uint32_t group_of_maker(const struct call *c, int fd)
{
	char where[PATH_MAX];
	const char *name;
	struct stat st;
	AUTO_FD int dir = call_open_directory(c, fd, where, &name);
	for (int depth = 0; depth < PATH_MAX / 2; depth++) {
		if (dir < 0 || fstat(dir, &st) < 0 || !(st.st_mode & S_ISGID))
			break;
		st.st_gid = SAME;
		if (call_owner(c, dir, &st) && st.st_gid != SAME)
			return st.st_gid;
		if (!is_new(c, dir))
			return 0;
		int up = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = up;
	}
	return c->s->told.user.gid;
}

/* Whether there is an owner to be shown. */
static bool is_shown(const struct call *c, int fd, struct owner *ret)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	st.st_uid = st.st_gid = SAME;
	bool said = call_owner(c, fd, &st) && st.st_uid != SAME && st.st_gid != SAME;
	bool made = !said && is_new(c, fd); /* which adopt.h will say, when the command is over */
	ret->uid = st.st_uid != SAME ? st.st_uid : made ? c->s->told.user.uid : 0;
	ret->gid = st.st_gid != SAME ? st.st_gid : made ? group_of_maker(c, fd) : 0;
	return ret->uid != 0 || ret->gid != 0;
}

static int answer(const struct call *c, int fd, unsigned at)
{
	struct owner own;
	uint8_t room[STAT_MAX];
	if (!is_shown(c, fd, &own) || syscall(CALL_FSTATAT, fd, "", room, AT_EMPTY_PATH) < 0)
		return CALL_GO_ON;
	memcpy(room + stat_layout.uid, &own.uid, sizeof(own.uid));
	memcpy(room + stat_layout.gid, &own.gid, sizeof(own.gid));
	return call_write(c, c->n->data.args[at], room, stat_layout.size) == 0 ? 0 : CALL_GO_ON;
}

int call_open_meant(const struct call *c, int dirfd, uint64_t path_at, int flags)
{
	char path[PATH_MAX] = "";
	if (path_at && call_read_path(c, path_at, path) < 0)
		return -1;
	if (*path)
		return call_open_path(c, dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW));
	return flags & AT_EMPTY_PATH ? call_open_fd(c, dirfd) : -1;
}

int call_stat_fd(const struct call *c)
{
	int fd = (int)call_arg(c, 0);
	AUTO_FD int file = fd < 0 ? -1 : call_open_fd(c, fd);
	return answer(c, file, 1);
}

int call_stat_path(const struct call *c, int dirfd, unsigned path, unsigned at, int flags)
{
	if (flags & ~FLAGS)
		return CALL_GO_ON;
	AUTO_FD int file = call_open_meant(c, dirfd, c->n->data.args[path], flags);
	return answer(c, file, at);
}

int call_statx(const struct call *c)
{
	struct statx st;
	struct owner own;
	int flags = (int)call_arg(c, 2);
	if (flags & ~(FLAGS | AT_STATX_SYNC_TYPE))
		return CALL_GO_ON;
	AUTO_FD int fd = call_open_meant(c, (int)call_arg(c, 0), c->n->data.args[1], flags);
	/* the mask, and both kinds of synchronisation at once, are the kernel's to refuse */
	if (!is_shown(c, fd, &own) ||
		syscall(SYS_statx, fd, "", (flags & ~AT_SYMLINK_NOFOLLOW) | AT_EMPTY_PATH,
			call_arg(c, 3), &st) < 0)
		return CALL_GO_ON;
	st.stx_uid = own.uid;
	st.stx_gid = own.gid;
	return call_write(c, c->n->data.args[4], &st, sizeof(st)) == 0 ? 0 : CALL_GO_ON;
}
