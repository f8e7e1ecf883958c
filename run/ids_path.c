/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that a caller means, found by who has more power than it: every call that names a file
 * is resolved here. What is opened is an O_PATH descriptor, so nothing is waited for.
 */
#include "run/ids_internal.h"

#include "base/mem.h"
#include "base/owner.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FAILED 125 /* mica's own */
#define SEARCH (1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH)

int call_read(const struct call *c, uint64_t at, void *to, size_t n)
{
	struct iovec here = {to, n};
	struct iovec there = {(void *)(uintptr_t)at, n}; /* NOLINT(performance-no-int-to-ptr) */
	return process_vm_readv((pid_t)c->n->pid, &here, 1, &there, 1, 0) == (ssize_t)n ? 0
	                                                                                : -EFAULT;
}

/* A path ends before the page that follows it may begin, so it is read page by page. */
int call_read_path(const struct call *c, uint64_t at, char to[PATH_MAX])
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
bool call_still_there(const struct call *c)
{
	uint64_t id = c->n->id;
	return ioctl(c->s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static int open_proc(const struct call *c, const char *what, int flags)
{
	char path[64];
	pid_t pid = (pid_t)c->n->pid;
	if (c->s->around && (pid = proc_number(c->s->proc, pid)) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%d/%s", pid, what);
	return openat(c->s->proc, path, flags | O_CLOEXEC);
}

/* Where its arguments lie: fork(2) keeps the place, execve(2) draws another one. */
uint64_t call_memory(const struct call *c)
{
	char text[2048];
	AUTO_FD int fd = open_proc(c, "stat", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* proc_pid_stat(5): after the command's ')' comes field 3; arg_start is 48 */
	char *at = strrchr(text, ')');
	for (int field = 2; at && field < 48; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* Unlike by /proc/PID/mem, nothing is written where the caller could not. Nobody has its number in
 * the time that this takes. */
int call_write(const struct call *c, uint64_t at, const void *from, size_t n)
{
	struct iovec here = {(void *)(uintptr_t)from, n}; /* NOLINT(performance-no-int-to-ptr) */
	struct iovec there = {(void *)(uintptr_t)at, n}; /* NOLINT(performance-no-int-to-ptr) */
	return call_still_there(c) && process_vm_writev((pid_t)c->n->pid, &here, 1, &there, 1, 0) ==
	                                      (ssize_t)n
	               ? 0
	               : -EFAULT;
}

int call_open_fd(const struct call *c, int fd)
{
	char what[32];
	if (fd < 0 && fd != AT_FDCWD)
		return -1;
	(void)snprintf(what, sizeof(what), "fd/%d", fd);
	return open_proc(c, fd == AT_FDCWD ? "cwd" : what, O_PATH);
}

int call_open_at(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve};
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* Whoever moves out of dir, by ".." or a link, gets below what the caller calls "/": for as long as
 * it takes that is our root, too. */
static int open_from(const struct call *c, int dir, const char *path, uint64_t flags)
{
	int fd = call_open_at(dir, path, flags, RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH);
	if (fd >= 0 || (errno != EXDEV && errno != EAGAIN))
		return fd;
	AUTO_FD int root = open_proc(c, "root", O_PATH);
	AUTO_FD int own = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || own < 0 || fchdir(root) < 0)
		return -1;
	if (chroot(".") == 0)
		fd = call_open_at(dir, path, flags, RESOLVE_NO_MAGICLINKS);
	int sys = errno;
	if (fchdir(own) < 0 || chroot(".") < 0)
		_exit(FAILED);
	errno = sys;
	return fd;
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

/* In a chroot without one it is a directory as any other. */
static bool has_proc(int root)
{
	struct statfs fs;
	AUTO_FD int proc =
		call_open_at(root, "/proc", O_DIRECTORY, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT);
	return proc >= 0 && fstatfs(proc, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
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
		AUTO_FD int process = open_proc(c, "", O_PATH);
		return process < 0 ? -1
		                   : call_open_at(process, path, flags,
					     RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH);
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)n, path);
	AUTO_FD int base = open_proc(c, name, O_PATH);
	const char *rest = path + n + strspn(path + n, "/");
	if (base < 0 || !*rest)
		return take_fd(&base);
	return open_from(c, base, rest, flags);
}

/* Our root is the sandbox's; a caller that has changed its own has what it calls "/" in there. */
static int open_target(const struct call *c, int dirfd, const char *path, bool follow)
{
	uint64_t flags = follow ? 0 : O_NOFOLLOW;
	static const char self[] = "/proc/self/";
	if (path[0] != '/') {
		AUTO_FD int dir = call_open_fd(c, dirfd);
		return dir < 0 ? -1 : open_from(c, dir, path, flags);
	}
	AUTO_FD int root = open_proc(c, "root", O_PATH);
	if (root < 0)
		return -1;
	if (str_has_prefix(path, self) && has_proc(root))
		return open_in_self(c, path + sizeof(self) - 1, follow);
	return call_open_at(root, path, flags, RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT);
}

/* The capabilities over files that the caller lacks are not used for it. true: there are some. */
static bool lay_down(const struct call *c)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3, .pid = (int)c->n->pid};
	struct __user_cap_data_struct its[2] = {0}, own[2];
	(void)syscall(SYS_capget, &head, its);
	head.pid = 0;
	if ((its[0].effective & SEARCH) == SEARCH || syscall(SYS_capget, &head, own) < 0)
		return false;
	own[0].effective &= ~SEARCH | its[0].effective;
	return syscall(SYS_capset, &head, own) == 0;
}

static void take_up(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct own[2];
	if (syscall(SYS_capget, &head, own) < 0)
		_exit(FAILED);
	own[0].effective = own[0].permitted;
	if (syscall(SYS_capset, &head, own) < 0)
		_exit(FAILED);
}

int call_open_path(const struct call *c, int dirfd, const char *path, bool follow)
{
	bool laid_down = lay_down(c);
	int fd = open_target(c, dirfd, path, follow), sys = errno;
	if (laid_down)
		take_up();
	errno = sys;
	return fd;
}

int call_open_directory(const struct call *c, int fd, char where[PATH_MAX], const char **ret_name)
{
	char own[64];
	(void)snprintf(own, sizeof(own), "self/fd/%d", fd);
	ssize_t n = readlinkat(c->s->proc, own, where, PATH_MAX - 1);
	if (n <= 0 || where[0] != '/')
		return -1;
	where[n] = '\0';
	char *name = strrchr(where, '/');
	*name++ = '\0';
	*ret_name = name;
	/* the kernel's path has no links: what is one by now is a step's, which would have us
	 * follow it into our own /proc */
	return call_open_at(AT_FDCWD, *where ? where : "/", O_DIRECTORY, RESOLVE_NO_SYMLINKS);
}

/* By its name below our own /proc, since opening it can be felt: by who has a lease of it. */
bool call_owner(const struct call *c, int fd, struct stat *st)
{
	char own[64];
	(void)snprintf(own, sizeof(own), "self/fd/%d", fd);
	bool said = fchdir(c->s->proc) == 0 && owner_said(own, st);
	if (chdir("/") < 0)
		_exit(FAILED);
	return said;
}
