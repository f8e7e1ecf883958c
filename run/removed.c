/* SPDX-License-Identifier: Apache-2.0 */
#include "run/removed.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BLOCK 512 /* st_blocks */
#define MARK " (deleted)" /* proc_pid_fd(5) */

struct file {
	dev_t dev;
	ino_t ino;
	uint64_t bytes;
};

struct search {
	int proc;
	pid_t top;
	const struct removed_fs *fs;
	size_t n_fs;
	uint64_t *mounts; /* IDs of those that show an overlay of fs */
	size_t n_mounts;
	struct file *files; /* some of them several times */
	size_t n, room;
};

struct process {
	pid_t pid, parent;
	bool ours;
};

static DIR *open_list(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* Only what is marked is asked for more: the file system of another could let us wait. */
static bool is_marked(int dirfd, const char *name)
{
	char path[PATH_MAX];
	const size_t mark = strlen(MARK);
	ssize_t n = readlinkat(dirfd, name, path, sizeof(path));
	if (n < 0)
		return errno == ENAMETOOLONG;
	return (size_t)n >= mark && memcmp(path + n - mark, MARK, mark) == 0;
}

bool removed_fs_of(int fd, struct removed_fs *ret)
{
	struct stat st;
	struct statfs fs;
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return false;
	*ret = (struct removed_fs){.dev = st.st_dev, .overlay = fs.f_type == OVERLAYFS_SUPER_MAGIC};
	return true;
}

static bool is_dev(const struct search *s, dev_t dev, bool overlay)
{
	for (size_t i = 0; i < s->n_fs; i++)
		if (s->fs[i].dev == dev && (!overlay || s->fs[i].overlay))
			return true;
	return false;
}

/* line: of mountinfo, see proc_pid_mountinfo(5) */
static void add_mount(struct search *s, const char *line)
{
	char *at;
	uint64_t id = strtoull(line, &at, 10);
	(void)strtoull(at, &at, 10); /* its parent */
	unsigned major = (unsigned)strtoul(at, &at, 10);
	if (*at != ':' || !is_dev(s, makedev(major, (unsigned)strtoul(at + 1, NULL, 10)), true))
		return;
	s->mounts = xreallocarray(s->mounts, s->n_mounts + 1, sizeof(*s->mounts));
	s->mounts[s->n_mounts++] = id;
}

static void add_mounts(struct search *s, pid_t pid)
{
	char path[32];
	AUTO_FREE char *text = NULL;
	size_t n;
	struct err err = ERR_INIT;
	(void)snprintf(path, sizeof(path), "%d/mountinfo", pid);
	if (fs_read_file(s->proc, path, 16 * MIB, &text, &n, &err) < 0)
		return; /* it has ended */
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		add_mount(s, line);
	}
}

/* Asked for nothing but its device, no file system asks a server that may never answer. */
static bool is_on_one(const struct search *s, int dirfd, const char *name)
{
	struct statx st;
	if (statx(dirfd, name, AT_STATX_DONT_SYNC, 0, &st) < 0)
		return false;
	if (is_dev(s, makedev(st.stx_dev_major, st.stx_dev_minor), false))
		return true;
	for (size_t i = 0; i < s->n_mounts; i++)
		if (s->mounts[i] == st.stx_mnt_id)
			return true;
	return false;
}

/* where: PID/fd or PID/map_files. False: nothing is listed there. */
static bool look_into(struct search *s, const char *where)
{
	struct stat st;
	bool any = false;
	DIR *dir = open_list(s->proc, where);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		any = any || e->d_name[0] != '.';
		if (!is_marked(dirfd(dir), e->d_name) || !is_on_one(s, dirfd(dir), e->d_name) ||
			fstatat(dirfd(dir), e->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
			st.st_nlink > 0)
			continue;
		if (s->n == s->room) {
			s->room = 2 * s->room + 16;
			s->files = xreallocarray(s->files, s->room, sizeof(*s->files));
		}
		s->files[s->n++] = (struct file){.dev = st.st_dev,
			.ino = st.st_ino,
			.bytes = (uint64_t)st.st_blocks * BLOCK};
	}
	if (dir)
		closedir(dir);
	return any;
}

/* A thread may have descriptors of its own. The memory is one, which a thread that has ended does
 * not show any more: the process's first may have. */
static void look_at(struct search *s, pid_t pid)
{
	char path[64];
	bool mapped = false;
	(void)snprintf(path, sizeof(path), "%d/task", pid);
	DIR *dir = open_list(s->proc, path);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);
		if (tid <= 0)
			continue;
		(void)snprintf(path, sizeof(path), "%d/map_files", tid);
		mapped = mapped || look_into(s, path);
		if (tid != pid && syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) == 0)
			continue;
		(void)snprintf(path, sizeof(path), "%d/task/%d/fd", pid, tid);
		(void)look_into(s, path);
	}
	if (dir)
		closedir(dir);
}

static size_t list_processes(const struct search *s, struct process **ret)
{
	size_t n = 0, room = 0;
	struct process *list = NULL;
	DIR *dir = open_list(s->proc, ".");
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		if (n == room) {
			room = 2 * room + 64;
			list = xreallocarray(list, room, sizeof(*list));
		}
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		list[n++] = (struct process){.pid = pid,
			.parent = proc_parent(s->proc, e->d_name),
			.ours = pid == s->top};
	}
	if (dir)
		closedir(dir);
	*ret = list;
	return n;
}

static bool has_parent(const struct process *list, size_t n, pid_t parent)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].ours && list[i].pid == parent)
			return true;
	return false;
}

static bool has_overlay(const struct search *s)
{
	bool any = false;
	for (size_t i = 0; i < s->n_fs; i++)
		any = any || s->fs[i].overlay;
	return any;
}

static void look_at_all(struct search *s)
{
	AUTO_FREE struct process *list = NULL;
	size_t n = list_processes(s, &list);
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < n; i++)
			if (!list[i].ours && has_parent(list, n, list[i].parent))
				more = list[i].ours = true;
	}
	for (size_t i = 0; i < n; i++)
		if (list[i].ours && has_overlay(s))
			add_mounts(s, list[i].pid);
	for (size_t i = 0; i < n; i++)
		if (list[i].ours)
			look_at(s, list[i].pid);
}

static int by_number(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

uint64_t removed_bytes(pid_t top, const struct removed_fs *fs, size_t n_fs)
{
	uint64_t sum = 0;
	AUTO_FD int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct search s = {.proc = proc, .top = top, .fs = fs, .n_fs = n_fs};
	look_at_all(&s);
	if (s.n)
		qsort(s.files, s.n, sizeof(*s.files), by_number);
	for (size_t i = 0; i < s.n; i++)
		if (i == 0 || by_number(&s.files[i - 1], &s.files[i]) != 0)
			sum += s.files[i].bytes;
	free(s.files);
	free(s.mounts);
	return sum;
}
