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

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#define LOCKS_MAX (4 * MIB)
#define STATUS_MAX (64 * KIB)
#define DYING_WAIT_MS 1000
#define PF_EXITING 0x4 /* include/linux/sched.h */

/* proc_locks(5): the process that took the lock, which children may hold on to. 0: not told. */
static long owner_of(int fd)
{
	struct stat st;
	char where[64];
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	if (fstat(fd, &st) < 0 ||
		fs_read_file(AT_FDCWD, "/proc/locks", LOCKS_MAX, &text, NULL, &ignored) < 0)
		return 0;
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
	if (pid <= 0 || !is_dying(pid))
		return flock(fd, LOCK_EX | LOCK_NB) == 0;
	for (unsigned ms = 0; ms < DYING_WAIT_MS; ms++) {
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
	}
	return false;
}
