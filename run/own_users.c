/* SPDX-License-Identifier: Apache-2.0 */
#include "run/own_users.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_MAX (64 * KIB) /* the kernel takes 340 lines */
#define SUBID_FILE_MAX (4 * MIB)

static int read_map(pid_t pid, const char *file, struct idmap_ranges *ret, struct err *err)
{
	char path[64];
	AUTO_FREE char *text = NULL;
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	if (fs_read_file(AT_FDCWD, path, MAP_MAX, &text, NULL, err) < 0)
		return err->code;
	if (!idmap_read(text, ret))
		return err_set(err, ERR_UNSUPPORTED,
			"a user namespace without users, or with more than %d ranges of them",
			IDMAP_RANGES_MAX);
	return 0;
}

static int write_map(
	pid_t pid, const char *file, const struct idmap_ranges *ranges, struct err *err)
{
	char path[64];
	AUTO_BUF struct buf text = BUF_INIT(MAP_MAX);
	for (size_t i = 0; i < ranges->n; i++)
		buf_addf(&text, "%u %u %u\n", ranges->r[i].inside, ranges->r[i].outside,
			ranges->r[i].count);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || fs_write_all(fd, buf_str(&text), text.len) < 0)
		return err_sys(err, "the kernel does not take this %s", file);
	return 0;
}

/* A child in a user namespace: a new one, or that of fd. It waits until the other end of ret_gate
 * is closed. */
static int start_inside(int fd, pid_t *ret_pid, int *ret_gate, struct err *err)
{
	int ready[2], gate[2], sys = 0;
	char byte;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(err, "cannot create a pipe");
	AUTO_FD int ready_r = ready[0];
	AUTO_FD int ready_w = ready[1];
	if (pipe2(gate, O_CLOEXEC) < 0)
		return err_sys(err, "cannot create a pipe");
	AUTO_FD int gate_r = gate[0];
	AUTO_FD int gate_w = gate[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(err, "cannot fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		close(gate_w);
		if ((fd < 0 ? unshare(CLONE_NEWUSER) : setns(fd, CLONE_NEWUSER)) < 0)
			sys = errno;
		if (write(ready_w, &sys, sizeof(sys)) == sizeof(sys))
			(void)!read(gate_r, &byte, 1);
		_exit(0);
	}
	close(ready_w);
	ready_w = -1;
	if (read(ready_r, &sys, sizeof(sys)) != sizeof(sys))
		sys = EPIPE;
	*ret_pid = pid;
	*ret_gate = take_fd(&gate_w);
	errno = sys;
	return sys == 0 ? 0 : err_sys(err, "cannot enter a user namespace");
}

/* Mount points and files of the sandbox are root's, and so are those of most images. */
static int check_root(const struct idmap_view *v, struct err *err)
{
	uint32_t outside;
	if (!idmap_outside(&v->uids, 0, &outside) || !idmap_outside(&v->gids, 0, &outside))
		return err_set(err, ERR_INVALID, "it has no root: somebody must be 0 in it");
	return 0;
}

static int finish(pid_t pid, int *gate, int r)
{
	int status;
	mem_close_p(gate);
	*gate = -1;
	if (pid > 0)
		(void)proc_wait(pid, &status);
	return r;
}

/* All of ours by their own numbers, but for one of the initial namespace's: that is told by its map
 * (idmap_own), and nobody is the last one. */
static int read_own(const char *file, struct idmap_ranges *ret, struct err *err)
{
	if (read_map(getpid(), file, ret, err) < 0)
		return err->code;
	for (size_t i = 0; i < ret->n; i++) {
		ret->r[i].outside = ret->r[i].inside;
		ret->r[i].count -= ret->r[i].count == UINT32_MAX;
	}
	return 0;
}

int own_users_new(const struct idmap_ranges *uids, const struct idmap_ranges *gids,
	struct idmap_view *ret, struct err *err)
{
	struct idmap_view v = {.userns = -1, .uids = *uids, .gids = *gids};
	struct idmap_ranges all_uids = {0}, all_gids = {0};
	char path[64];
	pid_t pid = -1;
	AUTO_FD int gate = -1;
	int r = check_root(&v, err);
	if (r == 0)
		r = start_inside(-1, &pid, &gate, err);
	if (r == 0 && !uids->n)
		r = read_own("uid_map", &all_uids, err);
	if (r == 0 && !uids->n)
		r = read_own("gid_map", &all_gids, err);
	if (r == 0)
		r = write_map(pid, "uid_map", uids->n ? uids : &all_uids, err);
	if (r == 0)
		r = write_map(pid, "gid_map", uids->n ? gids : &all_gids, err);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	if (r == 0 && (v.userns = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		r = err_sys(err, "cannot open '%s'", path);
	if (finish(pid, &gate, r) == 0)
		*ret = v;
	return r;
}

static bool is_ours(int fd)
{
	struct stat st, own;
	return fstat(fd, &st) == 0 && stat("/proc/self/ns/user", &own) == 0 &&
	       st.st_dev == own.st_dev && st.st_ino == own.st_ino;
}

int own_users_open(const char *path, struct idmap_view *ret, struct err *err)
{
	struct idmap_view v = {.userns = -1};
	pid_t pid = -1;
	AUTO_FD int gate = -1;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	if (is_ours(fd)) {
		*ret = v;
		return 0;
	}
	int r = start_inside(fd, &pid, &gate, err);
	if (r == 0)
		r = read_map(pid, "uid_map", &v.uids, err);
	if (r == 0)
		r = read_map(pid, "gid_map", &v.gids, err);
	if (r == 0)
		r = check_root(&v, err);
	if (finish(pid, &gate, r) == 0) {
		v.userns = take_fd(&fd);
		*ret = v;
	}
	return r;
}

/* subuid(5): name:start:count */
int own_users_subids(const char *file, const char *name, struct idmap_ranges *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_STRV struct strv lines = STRV_INIT;
	struct idmap_ranges m = {0};
	uint32_t next = 0;
	int r = fs_read_file(AT_FDCWD, file, SUBID_FILE_MAX, &text, NULL, err);
	if (r < 0 && r != ERR_NOT_FOUND)
		return r;
	if (text)
		strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		AUTO_STRV struct strv f = STRV_INIT;
		uint64_t start, count;
		strv_split(&f, *line, ':');
		if (f.n != 3 || !streq(f.v[0], name) || !num_u64(f.v[1], UINT32_MAX - 1, &start) ||
			!num_u64(f.v[2], UINT32_MAX - next, &count) || count == 0 ||
			start + count > UINT32_MAX || m.n == IDMAP_RANGES_MAX)
			continue;
		m.r[m.n++] = (struct idmap_range){
			.inside = next, .outside = (uint32_t)start, .count = (uint32_t)count};
		next += (uint32_t)count;
	}
	if (m.n == 0)
		return err_set(err, ERR_NOT_FOUND, "'%s' has no line for '%s'", file, name);
	*ret = m;
	return 0;
}
