/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dying.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#define LOCKS_MAX (4 * MIB)
#define STATUS_MAX (64 * KIB)
#define DYING_WAIT_MS 1000
#define OWNER "owner"
#define PF_EXITING 0x4 /* include/linux/sched.h */

static struct {
	ino_t *inodes; /* of what we note: to open it again would let go of its lock */
	size_t n;
} ours;

/* ours.n: it is not. */
static size_t find_ours(ino_t inode)
{
	size_t i = 0;
	while (i < ours.n && ours.inodes[i] != inode)
		i++;
	return i;
}

int note_owner(int dir)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;
	AUTO_FD int fd = openat(dir, OWNER, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || fcntl(fd, F_SETLK, &lock) < 0) {
		(void)unlinkat(dir, OWNER, 0);
		return -1;
	}
	ours.inodes = xreallocarray(ours.inodes, ours.n + 1, sizeof(*ours.inodes));
	ours.inodes[ours.n++] = st.st_ino;
	return take_fd(&fd);
}

void forget_owner(int fd)
{
	struct stat st;
	if (fd < 0)
		return;
	size_t i = fstat(fd, &st) == 0 ? find_ours(st.st_ino) : ours.n;
	if (i < ours.n)
		ours.inodes[i] = ours.inodes[--ours.n];
	close(fd);
}

static bool is_noted_as_gone(int dir)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;
	if (fstatat(dir, OWNER, &st, AT_SYMLINK_NOFOLLOW) < 0 || find_ours(st.st_ino) < ours.n)
		return false;
	AUTO_FD int fd = fs_open_plain(dir, OWNER, O_RDONLY, 0);
	return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

/* proc_locks(5): the process that took the lock, which children may hold on to. 0: it is not told,
 * -1: no lock is. */
static long owner_of(int fd)
{
	struct stat st;
	char where[64];
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	if (fstat(fd, &st) < 0 ||
		fs_read_file(AT_FDCWD, "/proc/locks", LOCKS_MAX, &text, NULL, &ignored) < 0)
		return -1;
	(void)snprintf(where, sizeof(where), " %02x:%02x:%" PRIu64 " ", major(st.st_dev),
		minor(st.st_dev), (uint64_t)st.st_ino);
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char pid[16];
		if (strstr(line, where) && sscanf(line, "%*s FLOCK %*s WRITE %15s", pid) == 1)
			return strtol(pid, NULL, 10);
	}
	return 0;
}

static bool has_kill(const char *status, const char *field)
{
	const char *at = strstr(status, field);
	return at && (strtoull(at + strlen(field), NULL, 16) & (1ULL << (SIGKILL - 1)));
}

/* proc_pid_stat(5), proc_pid_status(5): gone, a zombie, on its way there, or with a SIGKILL that it
 * has not had the time to die of. */
static bool is_dying(long pid)
{
	char path[40];
	AUTO_FREE char *stat = NULL, *status = NULL;
	struct err ignored = ERR_INIT;
	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (fs_read_file(AT_FDCWD, path, STATUS_MAX, &stat, NULL, &ignored) < 0)
		return true;
	/* (name) state ppid pgrp session tty_nr tpgid flags */
	char *at = strrchr(stat, ')');
	if (!at || at[1] != ' ')
		return false;
	char state = at[2];
	at += 2 + (at[2] != '\0');
	for (int i = 0; i < 5; i++)
		(void)strtol(at, &at, 10);
	if (state == 'Z' || state == 'X' || (strtoul(at, NULL, 10) & PF_EXITING))
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	if (fs_read_file(AT_FDCWD, path, STATUS_MAX, &status, NULL, &ignored) < 0)
		return true;
	return has_kill(status, "\nSigPnd:") || has_kill(status, "\nShdPnd:");
}

bool lock_of_the_dead(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	long pid = owner_of(fd);
	/* one that ended in between is told of no more */
	if (!(pid ? pid > 0 && is_dying(pid) : is_noted_as_gone(fd)))
		return flock(fd, LOCK_EX | LOCK_NB) == 0;
	for (unsigned ms = 0; ms < DYING_WAIT_MS; ms++) {
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
	}
	return false;
}
