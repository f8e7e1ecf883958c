/* SPDX-License-Identifier: Apache-2.0 */
#include "run/ids_internal.h"

#include "base/err.h"
#include "base/fdpass.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREDS_MAX 65536 /* different ones of one sandbox */
#define TICK_MAX_MS 20 /* twice as long as one that is 1/100 s */
/* newer than some headers */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#define MARK 0x6d69636100000000ULL /* "mica": the soft limit's upper half when it is ours */

/* --- identity of the caller --- */

static const struct cred *cred_of(const struct ids *s, pid_t pid)
{
	struct rlimit64 r;
	if (prlimit64(pid, RLIMIT_RSS, NULL, &r) < 0 || (r.rlim_cur & ~0xffffffffULL) != MARK)
		return s->creds[0];
	uint64_t i = r.rlim_cur & 0xffffffffULL;
	return s->creds[i < s->n_creds ? i : 0];
}

static int become(const struct call *c)
{
	struct ids *s = c->s;
	struct rlimit64 r;
	size_t i = 0;
	while (i < s->n_creds && memcmp(s->creds[i], &c->cred, sizeof(c->cred)) != 0)
		i++;
	if (i == CREDS_MAX)
		return -EAGAIN;
	if (i == s->n_creds) {
		s->creds = xreallocarray(s->creds, s->n_creds + 1, sizeof(struct cred *));
		s->creds[s->n_creds++] = xmemdup(&c->cred, sizeof(c->cred));
	}
	if (prlimit64((pid_t)c->n->pid, RLIMIT_RSS, NULL, &r) < 0)
		return -errno;
	r.rlim_cur = MARK | i;
	/* who lowered the hard limit stays who it is */
	(void)prlimit64((pid_t)c->n->pid, RLIMIT_RSS, &r, NULL);
	return 0;
}

/* --- setuid and its kin --- */

enum { REAL = 1, EFFECTIVE = 2, SAVED = 4 };

/* Who asked to keep what root may do (setpriv(1) does), until it executes something. */
static bool may_set(const struct call *c)
{
	return call_is_root(c) || (c->cred.keeps_in && c->cred.keeps_in == call_memory(c));
}

static int call_keep(struct call *c)
{
	uint64_t had = c->cred.keeps_in;
	c->cred.keeps_in = call_arg(c, 1) && may_set(c) ? call_memory(c) : 0;
	int r = c->cred.keeps_in == had ? 0 : become(c);
	return r < 0 ? r : CALL_GO_ON;
}

static bool is_one_of(const uint32_t ids[3], uint32_t id)
{
	return id == ids[0] || id == ids[1] || id == ids[2];
}

/* values: real, effective, saved, or SAME */
static int set_ids(struct call *c, uint32_t ids[3], const uint32_t values[3])
{
	for (unsigned i = 0; i < 3; i++)
		if (values[i] != SAME && !may_set(c) && !is_one_of(ids, values[i]))
			return -EPERM;
	for (unsigned i = 0; i < 3; i++)
		ids[i] = values[i] != SAME ? values[i] : ids[i];
	return become(c);
}

static int set_one(struct call *c, uint32_t ids[3])
{
	uint32_t id = call_arg(c, 0);
	if (id == SAME)
		return -EINVAL;
	const uint32_t all[3] = {id, id, id}, effective[3] = {SAME, id, SAME};
	return set_ids(c, ids, may_set(c) ? all : effective);
}

static int set_two(struct call *c, uint32_t ids[3])
{
	uint32_t real = call_arg(c, 0), effective = call_arg(c, 1);
	/* setreuid(2): the saved one follows when the real one is set, or the effective one is
	 * not the real one */
	bool follow = real != SAME || (effective != SAME && effective != ids[0]);
	const uint32_t values[3] = {
		real, effective, follow ? effective != SAME ? effective : ids[1] : SAME};
	return set_ids(c, ids, values);
}

static int set_three(struct call *c, uint32_t ids[3])
{
	const uint32_t values[3] = {call_arg(c, 0), call_arg(c, 1), call_arg(c, 2)};
	return set_ids(c, ids, values);
}

static int get_three(const struct call *c, const uint32_t ids[3])
{
	int r = 0;
	for (unsigned i = 0; r == 0 && i < 3; i++)
		r = call_write(c, c->n->data.args[i], &ids[i], sizeof(ids[i]));
	return r;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Sorted, as the kernel keeps them: who prints them must not tell one way of working from another.
 */
static int set_groups(struct call *c)
{
	uint32_t n = call_arg(c, 0);
	if (!may_set(c))
		return -EPERM;
	if (n > GROUPS_MAX)
		return -EINVAL;
	memset(c->cred.groups, 0, sizeof(c->cred.groups));
	if (n && call_read(c, c->n->data.args[1], c->cred.groups, n * sizeof(uint32_t)) < 0)
		return -EFAULT;
	qsort(c->cred.groups, n, sizeof(uint32_t), by_number);
	c->cred.n_groups = n;
	return become(c);
}

static int get_groups(const struct call *c)
{
	uint32_t n = c->cred.n_groups, room = call_arg(c, 0);
	if (room == 0)
		return (int)n;
	if (room < n)
		return -EINVAL;
	if (n && call_write(c, c->n->data.args[1], c->cred.groups, n * sizeof(uint32_t)) < 0)
		return -EFAULT;
	return (int)n;
}

/* --- the calls --- */

#ifdef SYS_chown
static int call_chown(struct call *c)
{
	return call_chown_named(c, 0);
}
static int call_lchown(struct call *c)
{
	return call_chown_named(c, AT_SYMLINK_NOFOLLOW);
}
#endif

static int call_fchown(struct call *c)
{
	return call_chown_fd(c);
}

static int call_fchownat(struct call *c)
{
	const uint32_t owner[2] = {call_arg(c, 2), call_arg(c, 3)};
	return call_chown_path(
		c, (int)call_arg(c, 0), c->n->data.args[1], owner, (int)call_arg(c, 4));
}

static int call_setuid(struct call *c)
{
	return set_one(c, c->cred.uid);
}
static int call_setgid(struct call *c)
{
	return set_one(c, c->cred.gid);
}
static int call_setreuid(struct call *c)
{
	return set_two(c, c->cred.uid);
}
static int call_setregid(struct call *c)
{
	return set_two(c, c->cred.gid);
}
static int call_setresuid(struct call *c)
{
	return set_three(c, c->cred.uid);
}
static int call_setresgid(struct call *c)
{
	return set_three(c, c->cred.gid);
}
/* the effective one is what files are made by here too, so there is nothing to change: both
 * answer with what it was */
static int call_setfsuid(struct call *c)
{
	return (int)c->cred.uid[1];
}
static int call_setfsgid(struct call *c)
{
	return (int)c->cred.gid[1];
}
static int call_setgroups(struct call *c)
{
	return set_groups(c);
}
static int call_getuid(struct call *c)
{
	return (int)c->cred.uid[0];
}
static int call_geteuid(struct call *c)
{
	return (int)c->cred.uid[1];
}
static int call_getgid(struct call *c)
{
	return (int)c->cred.gid[0];
}
static int call_getegid(struct call *c)
{
	return (int)c->cred.gid[1];
}
static int call_getresuid(struct call *c)
{
	return get_three(c, c->cred.uid);
}
static int call_getresgid(struct call *c)
{
	return get_three(c, c->cred.gid);
}
static int call_getgroups(struct call *c)
{
	return get_groups(c);
}

#ifdef CALL_LSTAT
static int call_lstat(struct call *c)
{
	return call_stat_path(c, AT_FDCWD, 0, 1, AT_SYMLINK_NOFOLLOW);
}
#endif
static int call_fstatat(struct call *c)
{
	return call_stat_path(c, (int)call_arg(c, 0), 1, 2, (int)call_arg(c, 3));
}

static int call_fstat(struct call *c)
{
	return call_stat_fd(c);
}
static int call_statx_any(struct call *c)
{
	return call_statx(c);
}

#ifdef CALL_UTIMENSAT
static int call_utimensat(struct call *c)
{
	return call_set_times(c);
}
#endif

static const struct {
	int nr;
	int (*answer)(struct call *c); /* the result, a negative errno, or CALL_GO_ON */
} calls[] = {
#ifdef SYS_chown
	{SYS_chown, call_chown},
	{SYS_lchown, call_lchown},
#endif
	{SYS_fchown, call_fchown},
	{SYS_fchownat, call_fchownat},
	{SYS_setuid, call_setuid},
	{SYS_setgid, call_setgid},
	{SYS_setreuid, call_setreuid},
	{SYS_setregid, call_setregid},
	{SYS_setresuid, call_setresuid},
	{SYS_setresgid, call_setresgid},
	{SYS_setfsuid, call_setfsuid},
	{SYS_setfsgid, call_setfsgid},
	{SYS_setgroups, call_setgroups},
	{SYS_prctl, call_keep}, /* PR_SET_KEEPCAPS alone (ids_filter.c) */
	{SYS_getuid, call_getuid},
	{SYS_geteuid, call_geteuid},
	{SYS_getgid, call_getgid},
	{SYS_getegid, call_getegid},
	{SYS_getresuid, call_getresuid},
	{SYS_getresgid, call_getresgid},
	{SYS_getgroups, call_getgroups},
#ifdef CALL_LSTAT
	{CALL_LSTAT, call_lstat},
#endif
	{CALL_FSTAT, call_fstat},
	{CALL_FSTATAT, call_fstatat},
	{SYS_statx, call_statx_any},
#ifdef CALL_UTIMENSAT
	{CALL_UTIMENSAT, call_utimensat},
#endif
};

/* --- the workload's side --- */

/* Init looks at a file for it, without having to. */
static bool only_looks(int nr)
{
#ifdef CALL_UTIMENSAT
	if (nr == CALL_UTIMENSAT)
		return true;
#endif
#ifdef CALL_LSTAT
	if (nr == CALL_LSTAT)
		return true;
#endif
	return nr == CALL_FSTAT || nr == CALL_FSTATAT || nr == SYS_statx;
}

int ids_install(int sock, uid_t uid, gid_t gid, bool serves, struct err *err)
{
	const struct beginning told = {.user = {uid, gid}, .serves = serves};
	uint32_t nrs[ARRAY_LEN(calls)];
	size_t n = 0;
	/* a program that serves a file system would wait for init, when it asks for a file's owner,
	 * and init for it, on the way to a file of its: for ever, as no signal ends that */
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if (!serves || !only_looks(calls[i].nr))
			nrs[n++] = (uint32_t)calls[i].nr;
	/* init reads our memory, which was made before the user namespace, in which alone it may do
	 * more than any process; nobody else is in the sandbox yet */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return err_sys(err, "cannot let init answer");
	AUTO_FD int listener = ids_listen(nrs, n);
	if (listener < 0)
		return err_sys(err, "cannot install the filter for a single user");

	if (fdpass_send(sock, &told, sizeof(told), listener) < 0)
		return err_sys(err, "cannot hand over the filter's listener");
	return 0;
}

/* --- init's side --- */

struct ids *ids_new(int proc, bool around)
{
	struct ids *s = xcalloc(1, sizeof(*s));
	s->proc = proc;
	s->around = around;
	s->listener = -1;
	s->creds = xcalloc(1, sizeof(struct cred *));
	s->creds[s->n_creds++] = xcalloc(1, sizeof(struct cred));
	return s;
}

/* Files that are there are older, and those to come are not: they have the time of the kernel's
 * last tick, which is waited for, unless somebody sets the clock back meanwhile. Not for root, to
 * whom that makes a difference in directories with the set-group-ID bit alone. */
static int begin(bool root, struct timespec *ret)
{
	static const struct timespec ms = {.tv_nsec = 1000000};
	struct timespec tick;
	if (clock_gettime(root ? CLOCK_REALTIME_COARSE : CLOCK_REALTIME, ret) < 0)
		return -1;
	for (int i = 0; i < TICK_MAX_MS; i++) {
		if (clock_gettime(CLOCK_REALTIME_COARSE, &tick) < 0 || tick.tv_sec > ret->tv_sec ||
			(tick.tv_sec == ret->tv_sec && tick.tv_nsec >= ret->tv_nsec))
			break;
		(void)nanosleep(&ms, NULL);
	}
	return 0;
}

int ids_receive(struct ids *s, int sock)
{
	bool cut;
	ssize_t n = fdpass_receive(sock, &s->told, sizeof(s->told), 0, &s->listener, &cut);
	if (n <= 0 || s->listener < 0)
		return -1;
	/* who asks is not waited for elsewhere than where it runs (Linux 6.6) */
	(void)ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	return begin(s->told.user.uid == 0 && s->told.user.gid == 0, &s->begun);
}

int ids_listener(const struct ids *s)
{
	return s->listener;
}

void ids_keep(const struct ids *s, int ret_fds[2])
{
	ret_fds[0] = s->listener;
	ret_fds[1] = s->proc;
}

void ids_moved(struct ids *s, int listener, int proc)
{
	s->listener = listener;
	s->proc = proc;
}

int ids_answer(struct ids *s)
{
	/* newer kernels may have larger ones */
	static _Alignas(struct seccomp_notif) char room[512];
	struct seccomp_notif *n = (struct seccomp_notif *)(void *)room;
	memset(room, 0, sizeof(room));
	if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, n) < 0)
		return errno == EINTR || errno == ENOENT ? 0 : -1;
	struct call c = {.s = s, .n = n, .cred = *cred_of(s, (pid_t)n->pid)};
	struct seccomp_notif_resp resp = {.id = n->id, .error = -ENOSYS};
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (calls[i].nr != n->data.nr)
			continue;
		int r = calls[i].answer(&c);
		resp.flags = r == CALL_GO_ON ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
		/* a user's number may be as large as an error is */
		resp.error = r < 0 && r > -4096 ? r : 0;
		resp.val = resp.error || resp.flags ? 0 : (int64_t)(uint32_t)r;
	}
	if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0 && errno != ENOENT)
		return -1;
	return 0;
}
