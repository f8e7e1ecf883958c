/* SPDX-License-Identifier: Apache-2.0 */
/* Version 2: one hierarchy (Documentation/admin-guide/cgroup-v2.rst). */
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "run/cgroup_internal.h"
#include "run/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAF "init" /* as Docker's and Podman's images for containers in containers call it */
#define VACATE_TRIES 64 /* each moves a page full of processes */

/*
 * May dir have children with processes? The root always; others only while they have none of their
 * own. The kernel would refuse memory in a cgroup with processes, but grant cpu, cpuset and pids
 * for threads, and then no process could enter the child. False with errno.
 */
static bool is_inner(int dir)
{
	char text[64];
	if (cgroup_read(dir, "cgroup.type", text, sizeof(text)) < 0)
		return errno == ENOENT; /* the root */
	errno = EOPNOTSUPP;
	if (!streq(text, "domain") || cgroup_read(dir, "cgroup.procs", text, sizeof(text)) < 0)
		return false;
	errno = EBUSY;
	return !*text;
}

/* Can a child of dir have these controllers? Tries to switch on what is missing. False with errno.
 */
static bool can_delegate(int dir, unsigned need)
{
	char text[256];
	if (!is_inner(dir) || cgroup_read(dir, "cgroup.subtree_control", text, sizeof(text)) < 0)
		return false;
	unsigned missing = need & ~controllers_parse(text, ' ');
	for (size_t i = 0; i < CONTROLLERS; i++) {
		if (!(missing & (1U << i)))
			continue;
		snprintf(text, sizeof(text), "+%s", controller_names[i]);
		/* ENOENT: it has not got the controller itself */
		if (cgroup_write(dir, "cgroup.subtree_control", text) < 0)
			return false;
	}
	return true;
}

bool cgroup_v2_delegate(const char *dir, unsigned need)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && (!need || can_delegate(fd, need));
}

/* Moves the processes of dir into a child, so that dir can be divided. */
static bool vacate(int dir)
{
	char text[4096];
	if (mkdirat(dir, LEAF, 0755) < 0 && errno != EEXIST)
		return false;
	AUTO_FD int leaf = openat(dir, LEAF, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	for (int tries = 0; leaf >= 0 && tries < VACATE_TRIES; tries++) {
		if (cgroup_read(dir, "cgroup.procs", text, sizeof(text)) < 0)
			return false;
		if (!*text)
			return true;
		for (char *pid = text, *end; *pid; pid = end) {
			end = pid + strcspn(pid, "\n");
			if (*end)
				*end++ = '\0';
			/* it may be gone: the next try tells */
			(void)cgroup_write(leaf, "cgroup.procs", pid);
		}
	}
	return false;
}

/* Without controllers a cgroup may hold processes and children at the same time. */
static int plain_parent(const struct hierarchy *h, char **ret_parent, struct err *err)
{
	char type[64];
	AUTO_FD int fd = open(h->own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || faccessat(fd, ".", W_OK, AT_EACCESS) < 0 ||
		faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) < 0)
		return err_set(err, ERR_UNSUPPORTED, "'%s' is not writable", h->own);
	/* below a cgroup of threads there are only such; the root has no type */
	if (cgroup_read(fd, "cgroup.type", type, sizeof(type)) == 0 && !streq(type, "domain"))
		return err_set(err, ERR_UNSUPPORTED, "'%s' is '%s'", h->own, type);
	*ret_parent = xstrdup(h->own);
	return 0;
}

/*
 * Our own cgroup holds ourselves, so unless it is the root its children cannot have controllers;
 * the next one up that is ours to write to (systemd delegates user@.service to its user) can.
 * Children there are siblings of our own cgroup. In a container there is no next one up: the root
 * of the cgroup namespace is all that we see, and it holds the container's processes. They move
 * aside.
 */
int cgroup_v2_parent(const struct hierarchy *h, unsigned need, char **ret_parent, struct err *err)
{
	if (!need)
		return plain_parent(h, ret_parent, err);
	AUTO_FREE char *dir = xstrdup(h->own);
	while (path_is_below(dir, h->mount)) {
		AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, "cannot open '%s'", dir);
		/* A process moves between cgroups through their nearest common ancestor, which must
		 * be writable too. */
		bool ours = faccessat(fd, ".", W_OK, AT_EACCESS) == 0 &&
		            faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) == 0;
		bool alone = streq(dir, h->own) && streq(dir, h->mount);
		if (ours && (can_delegate(fd, need) || (alone && errno == EBUSY && vacate(fd) &&
							       can_delegate(fd, need)))) {
			*ret_parent = take(dir);
			return 0;
		}
		if (streq(dir, h->mount))
			break;
		mem_replace(&dir, path_dir(dir));
	}
	return err_set(err, ERR_UNSUPPORTED,
		"no cgroup above '%s' may be divided by this user (systemd: Delegate=yes)", h->own);
}

static int limit_memory(const struct cgroup_dir *d, const struct run_limits *l, struct err *err)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRIu64, l->memory);
	if (cgroup_write(d->fd, "memory.max", text) < 0)
		return cgroup_refused(err, "--memory", "memory.max");
	/* the whole step has failed when one of its processes is killed: do not leave the rest
	 * limping */
	(void)cgroup_write(d->fd, "memory.oom.group", "1");
	if (l->memory_swap == UINT64_MAX)
		return 0;
	/* memory.swap.max is swap alone */
	uint64_t both = l->memory_swap ? l->memory_swap : l->memory * 2;
	snprintf(text, sizeof(text), "%" PRIu64, both > l->memory ? both - l->memory : 0);
	if (cgroup_write(d->fd, "memory.swap.max", text) < 0 && (errno != ENOENT || l->memory_swap))
		return cgroup_refused(err, "--memory-swap", "memory.swap.max");
	return 0;
}

static int limit_cpu(const struct cgroup_dir *d, const struct run_limits *l, struct err *err)
{
	char text[64];
	if (l->cpu_shares) {
		/* 2..262144 -> 1..10000, as crun and runc convert */
		uint64_t shares = l->cpu_shares < 2        ? 2
		                  : l->cpu_shares > 262144 ? 262144
		                                           : l->cpu_shares;
		snprintf(text, sizeof(text), "%" PRIu64, 1 + ((shares - 2) * 9999) / 262142);
		if (cgroup_write(d->fd, "cpu.weight", text) < 0)
			return cgroup_refused(err, "--cpu-shares", "cpu.weight");
	}
	if (l->cpu_quota_us || l->cpu_period_us) {
		uint64_t period = l->cpu_period_us ? l->cpu_period_us : 100000;
		if (l->cpu_quota_us)
			snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, l->cpu_quota_us,
				period);
		else
			snprintf(text, sizeof(text), "max %" PRIu64, period);
		if (cgroup_write(d->fd, "cpu.max", text) < 0)
			return cgroup_refused(err, "--cpu-quota", "cpu.max");
	}
	return 0;
}

/* What is wanted is taken down and answered by what there is of it: none, and all that the parent
 * has is used. */
static int limit_cpuset(const struct cgroup_dir *d, const char *file, const char *flag,
	const char *want, struct err *err)
{
	char effective[32], above[40], text[4096], used[4096];
	if (!want)
		return 0;
	(void)snprintf(effective, sizeof(effective), "%s.effective", file);
	(void)snprintf(above, sizeof(above), "../%s", effective);
	if (cgroup_write(d->fd, file, want) < 0)
		return cgroup_set_refused(err, flag, want, d->fd, above);
	if (cgroup_read(d->fd, file, text, sizeof(text)) < 0 ||
		cgroup_read(d->fd, effective, used, sizeof(used)) < 0)
		return cgroup_refused(err, flag, file);
	return streq(text, used) ? 0 : cgroup_set_refused(err, flag, want, d->fd, above);
}

int cgroup_v2_limit(const struct cgroup_dir *d, const struct run_limits *l, struct err *err)
{
	int r = 0;
	if (d->controllers & CONTROLLER_MEMORY)
		r = limit_memory(d, l, err);
	if (r == 0 && d->controllers & CONTROLLER_CPU)
		r = limit_cpu(d, l, err);
	if (r == 0 && d->controllers & CONTROLLER_DEVICES)
		r = cgroup_devices_v2(d->fd, l, err);
	if (r < 0)
		return r;
	if (d->controllers & CONTROLLER_CPUSET) {
		r = limit_cpuset(d, "cpuset.cpus", "--cpuset-cpus", l->cpuset_cpus, err);
		if (r == 0)
			r = limit_cpuset(d, "cpuset.mems", "--cpuset-mems", l->cpuset_mems, err);
		if (r < 0)
			return r;
	}
	if (d->controllers & CONTROLLER_PIDS) {
		char text[32];
		snprintf(text, sizeof(text), "%" PRIu64, l->pids);
		if (cgroup_write(d->fd, "pids.max", text) < 0)
			return cgroup_refused(err, "--pids-limit", "pids.max");
	}
	return 0;
}
