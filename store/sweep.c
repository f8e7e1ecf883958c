/* SPDX-License-Identifier: Apache-2.0 */
/* What processes left behind that died in the middle of a transaction. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "store/dying.h"
#include "store/store_internal.h"

#define CGROUP_LIST_MAX (1 * MIB)
#define CGROUP_DEPTH_MAX 16
#define MOUNTINFO_MAX (1 * MIB)
#define STATUS_MAX (64 * KIB)
#define KILL_WAIT_MS 50 /* for killed processes to be gone */

static DIR *open_stream(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static bool is_cgroup(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC);
}

/* cgroup.kill came with Linux 5.14; before, and in version 1, process by process. */
static void kill_members(int cgroup_fd)
{
	AUTO_FD int kill_fd = openat(cgroup_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (kill_fd >= 0 && fs_write_all(kill_fd, "1", 1) == 0)
		return;
	AUTO_FREE char *pids = NULL;
	struct err ignored = ERR_INIT;
	if (fs_read_file(cgroup_fd, "cgroup.procs", CGROUP_LIST_MAX, &pids, NULL, &ignored) < 0)
		return;
	for (char *at = pids; *at;) {
		long pid = strtol(at, &at, 10);
		if (pid > 1)
			(void)kill((pid_t)pid, SIGKILL);
		at += strspn(at, "\n");
		if (pid <= 0)
			break;
	}
}

static bool remove_cgroup(int parent, const char *name, unsigned depth)
{
	DIR *dir = open_stream(parent, name);
	if (!dir)
		return errno == ENOENT;
	bool ok = is_cgroup(dirfd(dir));
	if (!ok) {
		closedir(dir);
		return true; /* no cgroup, so none of ours: not touched */
	}
	kill_members(dirfd(dir));
	for (struct dirent *e; depth < CGROUP_DEPTH_MAX && (e = readdir(dir));)
		if (e->d_type == DT_DIR && !streq(e->d_name, ".") && !streq(e->d_name, ".."))
			ok = remove_cgroup(dirfd(dir), e->d_name, depth + 1) && ok;
	closedir(dir);
	for (unsigned ms = 0; unlinkat(parent, name, AT_REMOVEDIR) < 0; ms++) {
		if (errno == ENOENT)
			break;
		if (errno != EBUSY || ms == KILL_WAIT_MS)
			return false;
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return ok;
}

bool sweep_cgroups(int txn_fd)
{
	AUTO_FREE char *text = NULL;
	AUTO_STRV struct strv lines = STRV_INIT;
	struct err ignored = ERR_INIT;
	bool ok = true;

	if (fs_read_plain(txn_fd, "cgroups", CGROUP_LIST_MAX, &text, NULL, &ignored) < 0)
		return true;
	strv_split(&lines, text, '\n');
	/* the last noted first: a cgroup comes after the one it lies in */
	for (size_t i = lines.n; i-- > 0;)
		if (lines.v[i][0] == '/' && !strstr(lines.v[i], "/.."))
			ok = remove_cgroup(AT_FDCWD, lines.v[i], 0) && ok;
	return ok;
}

/* --- processes of a step without a pid namespace and a cgroup --- */

/* Is its root what was mounted for, or lies in, the transaction that mark is the path of? Said of
 * the mount on "/" alone: others are nobody's mark. proc_pid_mountinfo(5): the fifth field is where
 * it is mounted. */
static bool is_rooted(int proc, const char *pid, const char *mark)
{
	char path[64], root[4096];
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	(void)snprintf(path, sizeof(path), "%.20s/root", pid);
	ssize_t n = readlinkat(proc, path, root, sizeof(root) - 1);
	root[n > 0 ? n : 0] = '\0';
	if (strstr(root, mark))
		return true;
	(void)snprintf(path, sizeof(path), "%.20s/mountinfo", pid);
	if (fs_read_file(proc, path, MOUNTINFO_MAX, &text, NULL, &ignored) < 0)
		return false;
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char where[3] = "";
		if (sscanf(line, "%*s %*s %*s %*s %2s", where) == 1 && streq(where, "/") &&
			strstr(line, mark))
			return true;
	}
	return false;
}

/* That process, and no other that has its number by now. */
static bool kill_that(int pidfd)
{
	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0;
}

/* Who has become another user in a user namespace that is gone is nobody's of ours, but for who is
 * that user: the same numbers are mapped here. */
static bool kill_as_itself(int proc, const char *pid, int pidfd)
{
	char path[64];
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	(void)snprintf(path, sizeof(path), "%.20s/status", pid);
	if (fs_read_file(proc, path, STATUS_MAX, &text, NULL, &ignored) < 0)
		return false;
	const char *line = strstr(text, "\nUid:");
	uid_t uid = line ? (uid_t)strtoul(line + 5, NULL, 10) : 0;
	pid_t child = uid ? fork() : -1;
	if (child == 0)
		_exit(setresuid(uid, uid, uid) < 0 || !kill_that(pidfd));
	int status = -1;
	return child > 0 && proc_wait(child, &status) == 0 && status == 0;
}

/* How many there were. */
static unsigned kill_rooted(const char *mark)
{
	unsigned n = 0;
	DIR *dir = open_stream(AT_FDCWD, "/proc");
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		long pid = isdigit((unsigned char)e->d_name[0]) ? strtol(e->d_name, NULL, 10) : 0;
		AUTO_FD int pidfd = pid > 1 ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
		if (pidfd >= 0 && is_rooted(dirfd(dir), e->d_name, mark))
			n += kill_that(pidfd) || kill_as_itself(dirfd(dir), e->d_name, pidfd);
	}
	if (dir)
		closedir(dir);
	return n;
}

void sweep_processes(const char *txn_id)
{
	AUTO_FREE char *mark = xasprintf("/" TMP_DIR "/%s/", txn_id);
	/* again for who was being forked, and until they are gone: nobody may write into what is
	 * removed next */
	for (unsigned ms = 0; kill_rooted(mark) && ms < KILL_WAIT_MS; ms++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Is the owner of tmp/name gone? *ret_lock: the directory, locked by us (-1 when it is none). */
static bool is_dead(int tmp_fd, const char *name, int *ret_lock)
{
	AUTO_FD int fd = openat(tmp_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	*ret_lock = -1;
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP;
	if (!lock_of_the_dead(fd)) {
		errno = EWOULDBLOCK;
		return false;
	}
	*ret_lock = take_fd(&fd);
	return true;
}

bool store_has_leftovers(const struct store *s)
{
	bool found = false, alone = false;
	DIR *dir = s->read_only ? NULL : open_stream(s->fd, TMP_DIR);
	for (const struct dirent *e; dir && !found && (e = readdir(dir));) {
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		/* nobody is making one now, whose lock we would take; who makes one sweeps */
		if (!alone && (faccessat(s->fd, TMP_DIR, W_OK, AT_EACCESS) < 0 ||
				      flock(dirfd(dir), LOCK_EX | LOCK_NB) < 0))
			break;
		alone = true;
		AUTO_FD int lock = -1;
		/* what is closed to us here may be of a user of the namespace */
		found = is_dead(dirfd(dir), e->d_name, &lock) || errno == EACCES;
	}
	if (dir)
		closedir(dir);
	return found;
}

static void remove_dead(int tmp_fd, const char *name, struct err *leftover)
{
	struct err err = ERR_INIT;
	AUTO_FD int fd = openat(tmp_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	sweep_processes(name);
	int r = fd >= 0 && !sweep_cgroups(fd) ? err_set(&err, ERR_BUSY, "a cgroup is still busy")
	                                      : fs_remove_tree(tmp_fd, name, &err);
	if (r < 0) {
		(void)err_wrap(&err, "cannot clean up '" TMP_DIR "/%s'", name);
		log_debug("%s", err.msg);
		*leftover = err;
	}
}

void sweep_dead(struct store *s, bool all, struct err *ret_leftover)
{
	struct err ignored = ERR_INIT;
	AUTO_FD int tmp_fd = -1;
	AUTO_STRV struct strv names = STRV_INIT;

	if (store_open_dir(s, TMP_DIR, &tmp_fd, &ignored) < 0)
		return;
	/* nobody is making one now; if somebody is, or sweeps, this sweep is left to the next
	 * command */
	if (flock(tmp_fd, LOCK_EX | LOCK_NB) < 0)
		return;
	DIR *dir = open_stream(tmp_fd, ".");
	if (!dir)
		return;
	int *locks = NULL;
	for (struct dirent *e; (e = readdir(dir));) {
		int lock;
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		if (!is_dead(tmp_fd, e->d_name, &lock) && !all)
			continue;
		locks = xreallocarray(locks, names.n + 1, sizeof(*locks));
		locks[names.n] = lock;
		strv_add(&names, e->d_name);
	}
	closedir(dir);
	/* what they had put in its place and did not live to name goes with the last of us */
	if (names.n && !all)
		want_sweep(s);
	/* their locks are ours: other sweeps take them for alive while the trees go, and new ones
	 * need not wait */
	(void)flock(tmp_fd, LOCK_UN);
	for (size_t i = 0; i < names.n; i++) {
		remove_dead(tmp_fd, names.v[i], ret_leftover);
		if (locks[i] >= 0)
			close(locks[i]);
	}
	free(locks);
}
