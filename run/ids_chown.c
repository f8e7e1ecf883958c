/* SPDX-License-Identifier: Apache-2.0 */
/* chown(2) and its kin for a caller whom only we know. */
#include "run/ids_internal.h"

#include "base/mem.h"
#include "base/owner.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A path ends before the page that follows it may begin, so it is read page by page. */
static int read_path(const struct call *c, uint64_t at, char to[PATH_MAX])
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 0;
	while (n < PATH_MAX) {
		size_t piece = page - (size_t)((at + n) % page);
		if (piece > PATH_MAX - n)
			piece = PATH_MAX - n;
		if (call_read(c, at + n, to + n, piece) < 0)
			return -EFAULT;
		if (memchr(to + n, '\0', piece))
			return 0;
		n += piece;
	}
	return -ENAMETOOLONG;
}

/* Is what was read still of the call that is being answered, or of a process that took its number?
 */
static bool still_there(const struct call *c)
{
	uint64_t id = c->n->id;
	return ioctl(c->s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static int open_proc(const struct call *c, const char *what)
{
	char path[64];
	pid_t pid = (pid_t)c->n->pid;
	if (c->s->around && (pid = proc_number(c->s->proc, pid)) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%d/%s", pid, what);
	return openat(c->s->proc, path, O_PATH | O_CLOEXEC);
}

static int open_fd(const struct call *c, int fd)
{
	char what[32];
	if (fd < 0 && fd != AT_FDCWD)
		return -1;
	(void)snprintf(what, sizeof(what), "fd/%d", fd);
	return open_proc(c, fd == AT_FDCWD ? "cwd" : what);
}

static int open_at(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve};
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* How much of a path below /proc/self is one of its links to what the caller has; 0: nothing. */
static size_t link_of_self(const char *path)
{
	static const char *const names[] = {"cwd", "root", "exe"};
	size_t n = strcspn(path, "/");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i]) == n && str_has_prefix(path, names[i]))
			return n;
	size_t digits = str_has_prefix(path, "fd/") ? strspn(path + 3, "0123456789") : 0;
	return digits && (path[3 + digits] == '/' || !path[3 + digits]) ? 3 + digits : 0;
}

/* /proc/self is the caller's and not ours. One link leads from there to what the caller has, by our
 * power; on the way from there, and from any link that it has made, no other does: a process that
 * is seen without being reached has a root, too. Nor does ".." lead out of it: the /proc that we
 * have may be one outside, whose root is not ours. */
static int open_in_self(const struct call *c, const char *path, bool follow)
{
	uint64_t flags = follow ? 0 : O_NOFOLLOW;
	char name[32];
	size_t n = link_of_self(path);
	if (n == 0 || n >= sizeof(name) || (!path[n] && !follow)) {
		AUTO_FD int process = open_proc(c, "");
		return process < 0 ? -1
		                   : open_at(process, path, flags,
					     RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH);
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)n, path);
	AUTO_FD int base = open_proc(c, name);
	const char *rest = path + n + strspn(path + n, "/");
	if (base < 0 || !*rest)
		return take_fd(&base);
	return open_at(base, rest, flags, RESOLVE_NO_MAGICLINKS);
}

/* The file that the caller means, as O_PATH. Our root is the sandbox's; a caller that has changed
 * its own has what it calls "/" in there. */
static int open_target(const struct call *c, int dirfd, const char *path, bool follow)
{
	uint64_t flags = follow ? 0 : O_NOFOLLOW;
	static const char self[] = "/proc/self/";
	if (str_has_prefix(path, self))
		return open_in_self(c, path + sizeof(self) - 1, follow);
	if (path[0] != '/') {
		AUTO_FD int dir = open_fd(c, dirfd);
		return dir < 0 ? -1 : open_at(dir, path, flags, RESOLVE_NO_MAGICLINKS);
	}
	AUTO_FD int root = open_proc(c, "root");
	return root < 0 ? -1 : open_at(root, path, flags, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT);
}

/* What kind of file it is decides where its owner is kept. */
static int record(const struct call *c, int fd, const struct stat *st, uint32_t uid, uint32_t gid)
{
	char own[64], where[PATH_MAX];
	(void)snprintf(own, sizeof(own), "self/fd/%d", fd);
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) {
		AUTO_FD int file = openat(c->s->proc, own, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		return file < 0 ? -1 : owner_say(file, uid, gid);
	}
	ssize_t n = readlinkat(c->s->proc, own, where, sizeof(where) - 1);
	if (n <= 0 || where[0] != '/')
		return 0; /* a pipe, a socket */
	where[n] = '\0';
	char *name = strrchr(where, '/');
	*name++ = '\0';
	/* the kernel's path has no links: what is one by now is a step's, which would have us
	 * follow it into our own /proc */
	AUTO_FD int dir = open_at(AT_FDCWD, *where ? where : "/", O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	struct stat now;
	if (dir < 0 || fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
		now.st_ino != st->st_ino || now.st_dev != st->st_dev)
		return 0; /* it has no name any more */
	return owner_say_at(dir, name, uid, gid);
}

static int stat_owner(const struct call *c, int fd, struct stat *st)
{
	char own[64];
	if (fstat(fd, st) < 0)
		return -errno;
	/* what nobody has said anything about may have been made by who asks */
	st->st_uid = c->cred.uid[1];
	st->st_gid = c->cred.gid[1];
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return 0;
	(void)snprintf(own, sizeof(own), "self/fd/%d", fd);
	AUTO_FD int file = openat(c->s->proc, own, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return file >= 0 && owner_is_said(file) && owner_stat(file, st) < 0 ? -errno : 0;
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
	int r = read_path(c, path_at, path);
	if (r < 0)
		return r;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!*path && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	errno = EBADF;
	AUTO_FD int fd = *path ? open_target(c, dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW))
	                       : open_fd(c, dirfd);
	if (fd < 0)
		return !*path && errno == ENOENT ? -EBADF : -errno;
	return still_there(c) ? change_owner(c, fd, owner[0], owner[1]) : -EINTR;
}

int call_chown_fd(const struct call *c)
{
	errno = EBADF;
	AUTO_FD int fd = open_fd(c, (int)call_arg(c, 0) == AT_FDCWD ? -1 : (int)call_arg(c, 0));
	if (fd < 0)
		return -EBADF;
	return still_there(c) ? change_owner(c, fd, call_arg(c, 1), call_arg(c, 2)) : -EINTR;
}

int call_chown_named(struct call *c, int flags)
{
	const uint32_t owner[2] = {call_arg(c, 1), call_arg(c, 2)};
	return call_chown_path(c, AT_FDCWD, c->n->data.args[0], owner, flags);
}
