/* SPDX-License-Identifier: Apache-2.0 */
/* Version 1: one hierarchy for each controller (Documentation/admin-guide/cgroup-v1). */
#include "base/err.h"
#include "base/mem.h"
#include "run/cgroup_internal.h"
#include "run/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

int cgroup_v1_parent(const struct hierarchy *h, unsigned need, char **ret_parent, struct err *err)
{
	(void)need; /* the hierarchy was chosen for its controllers */
	if (access(h->own, W_OK) < 0)
		return err_set(err, ERR_UNSUPPORTED,
			"'%s' is not writable (%s): only root of this machine has cgroups of "
			"version 1, users have those of version 2",
			h->own, err_text(errno, (char[ERR_TEXT_MAX]){0}));
	*ret_parent = xstrdup(h->own);
	return 0;
}

static int limit_memory(const struct cgroup_dir *d, const struct run_limits *l, struct err *err)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRIu64, l->memory);
	if (cgroup_write(d->fd, "memory.limit_in_bytes", text) < 0)
		return cgroup_refused(err, "--memory", "memory.limit_in_bytes");
	bool accounted = faccessat(d->fd, "memory.memsw.limit_in_bytes", W_OK, 0) == 0;
	if (!accounted) {
		if (l->memory_swap && l->memory_swap != UINT64_MAX)
			return err_set(err, ERR_UNSUPPORTED,
				"--memory-swap: this kernel does not account swap");
		return 0;
	}
	if (l->memory_swap == UINT64_MAX)
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64, l->memory_swap ? l->memory_swap : l->memory * 2);
	if (cgroup_write(d->fd, "memory.memsw.limit_in_bytes", text) < 0)
		return cgroup_refused(err, "--memory-swap", "memory.memsw.limit_in_bytes");
	return 0;
}

static int limit_cpu(const struct cgroup_dir *d, const struct run_limits *l, struct err *err)
{
	char text[32];
	if (l->cpu_shares) {
		snprintf(text, sizeof(text), "%" PRIu64, l->cpu_shares);
		if (cgroup_write(d->fd, "cpu.shares", text) < 0)
			return cgroup_refused(err, "--cpu-shares", "cpu.shares");
	}
	if (l->cpu_period_us) {
		snprintf(text, sizeof(text), "%" PRIu64, l->cpu_period_us);
		if (cgroup_write(d->fd, "cpu.cfs_period_us", text) < 0)
			return cgroup_refused(err, "--cpu-period", "cpu.cfs_period_us");
	}
	if (l->cpu_quota_us) {
		snprintf(text, sizeof(text), "%" PRIu64, l->cpu_quota_us);
		if (cgroup_write(d->fd, "cpu.cfs_quota_us", text) < 0)
			return cgroup_refused(err, "--cpu-quota", "cpu.cfs_quota_us");
	}
	return 0;
}

/* Version 1 does not inherit: both files must be filled before a process may enter. */
static int limit_cpuset(const struct cgroup_dir *d, const char *file, const char *flag,
	const char *want, struct err *err)
{
	char parent[32], text[4096];
	const char *wanted = want;
	snprintf(parent, sizeof(parent), "../%s", file);
	if (!want) {
		if (cgroup_read(d->fd, parent, text, sizeof(text)) < 0)
			return cgroup_refused(err, flag, file);
		want = text;
	}
	if (cgroup_write(d->fd, file, want) < 0)
		return wanted ? cgroup_set_refused(err, flag, wanted, d->fd, parent)
		              : cgroup_refused(err, flag, file);
	return 0;
}

bool cgroup_v1_inherit(const char *dir, unsigned controllers)
{
	static const char *const files[][2] = {
		{"cpuset.cpus", "../cpuset.cpus"}, {"cpuset.mems", "../cpuset.mems"}};
	char text[4096];
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !(controllers & CONTROLLER_CPUSET))
		return fd >= 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (cgroup_read(fd, files[i][0], text, sizeof(text)) < 0)
			return false;
		if (!*text && (cgroup_read(fd, files[i][1], text, sizeof(text)) < 0 ||
				      cgroup_write(fd, files[i][0], text) < 0))
			return false;
	}
	return true;
}

int cgroup_v1_limit(const struct cgroup_dir *d, const struct run_limits *l, struct err *err)
{
	int r = 0;
	if (d->controllers & CONTROLLER_MEMORY && l->memory)
		r = limit_memory(d, l, err);
	if (r == 0 && d->controllers & CONTROLLER_CPU)
		r = limit_cpu(d, l, err);
	if (r == 0 && d->controllers & CONTROLLER_CPUSET) {
		r = limit_cpuset(d, "cpuset.cpus", "--cpuset-cpus", l->cpuset_cpus, err);
		if (r == 0)
			r = limit_cpuset(d, "cpuset.mems", "--cpuset-mems", l->cpuset_mems, err);
	}
	if (r == 0 && d->controllers & CONTROLLER_DEVICES && cgroup_devices_needed(l))
		r = cgroup_devices_v1(d->fd, l, err);
	if (r == 0 && d->controllers & CONTROLLER_PIDS && l->pids) {
		char text[32];
		snprintf(text, sizeof(text), "%" PRIu64, l->pids);
		if (cgroup_write(d->fd, "pids.max", text) < 0)
			return cgroup_refused(err, "--pids-limit", "pids.max");
	}
	return r;
}
