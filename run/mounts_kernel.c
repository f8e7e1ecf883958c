/* SPDX-License-Identifier: Apache-2.0 */
#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "run/cgroup.h"
#include "run/mounts.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* Kernel state that a step has no business with (the union of what runc, moby and podman mask);
 * relative to /proc and /sys. */
static const char *const masked_proc[] = {
	"acpi",
	"asound",
	"interrupts",
	"kcore",
	"keys",
	"latency_stats",
	"sched_debug",
	"scsi",
	"timer_list",
	"timer_stats",
};
static const char *const masked_sys[] = {
	"dev/block",
	"devices/virtual/powercap",
	"firmware",
	"fs/selinux",
};
static const char *const read_only_proc[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};

/* Is it to be seen all the same? */
static bool is_shown(const struct box *b, const char *top, const char *name)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	STRV_FOREACH (pattern, &b->spec->unmask)
		if (!strcasecmp(*pattern, "all") || fnmatch(*pattern, path, 0) == 0)
			return true;
	return false;
}

/* dir: a directory of a kernel file system, where no hostile link can be; top: where it is. */
static int mask(const struct box *b, int dir, const char *top, const char *const *names, size_t n,
	int *empty, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_FD int target = openat(dir, names[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
		/* not in this kernel */
		if (target < 0 || is_shown(b, top, names[i]))
			continue;
		if (mount_hide(b, target, names[i], empty, err) < 0)
			return err->code;
	}
	return 0;
}

static int set_read_only(int dir, const char *const *names, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_FD int target = openat(dir, names[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (target >= 0 &&
			mount_bind_fd(target, target, ATTR_QUIET | MOUNT_ATTR_RDONLY) < 0)
			return err_sys(err, "cannot make '/proc/%s' read-only", names[i]);
	}
	return 0;
}

/*
 * The /proc that is around us: in a container whose own has masked parts, no user namespace may
 * mount another. It shows the processes of that container; those that are not the workload's can
 * neither be traced nor opened by it, which has fewer capabilities.
 */
static int bind_proc(struct box *b, struct err *err)
{
	AUTO_FD int target = -1;
	int r = target_open(b, "/proc", TARGET_KEEP, &target, err);
	if (r < 0)
		return r;
	AUTO_FD int mnt =
		open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (mnt < 0 || mount_attach(mnt, target, ATTR_QUIET, false) < 0)
		return err_sys(err, "cannot mount '/proc'");
	b->proc = take_fd(&mnt);
	return 0;
}

/* Whose user it is may write to files of processes that are not the workload's, such as
 * oom_score_adj, which chooses who is killed next: what it sees is a read-only copy over ours. */
static int cover_proc(const struct box *b, struct err *err)
{
	AUTO_FD int copy = open_tree(
		b->proc, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (copy < 0 || mount_attach(copy, b->proc, ATTR_QUIET | MOUNT_ATTR_RDONLY, false) < 0)
		return err_sys(err, "cannot make '/proc' read-only");
	return 0;
}

static int mount_proc(struct box *b, int *empty, struct err *err)
{
	const struct strv *options = &b->spec->proc_options;
	int r = mount_at(b, "/proc", "proc", (const char *const *)strv_argv(options), ATTR_QUIET,
		&b->proc, err);
	/* with options it has to be a new one */
	bool around = r < 0 && err_is_sys(err, EPERM) && !options->n;
	if (around) {
		err_clear(err);
		r = bind_proc(b, err);
	}
	if (r < 0)
		return r;
	/* What follows hides things in it: be sure that it is one (CVE-2025-52881). */
	struct statfs fs;
	if (fstatfs(b->proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, ERR_DENIED, "'/proc' in the sandbox is not a proc file system");
	if (b->spec->insecure)
		return 0;
	r = mask(b, b->proc, "/proc", masked_proc, ARRAY_LEN(masked_proc), empty, err);
	if (r == 0)
		r = set_read_only(b->proc, read_only_proc, ARRAY_LEN(read_only_proc), err);
	return r == 0 && (around || run_spec_shares_pids(b->spec)) ? cover_proc(b, err) : r;
}

/* name: its controllers, as "cpu,cpuacct" */
static int mount_hierarchy(int top, const char *name, struct err *err)
{
	char options[4][32];
	const char *list[5] = {0};
	size_t n = 0;
	for (const char *s = name; *s && n < 4;) {
		size_t len = strcspn(s, ",");
		snprintf(options[n], sizeof(options[n]), "%.*s", (int)len, s);
		list[n] = options[n];
		n++;
		s += len + (s[len] == ',');
	}
	AUTO_FD int mnt = mount_new("cgroup", list, ATTR_QUIET | MOUNT_ATTR_RDONLY);
	if (mnt < 0 || mkdirat(top, name, 0755) < 0)
		return err_sys(err, "cannot mount cgroup '%s'", name);
	AUTO_FD int dir = openat(top, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || mount_attach(mnt, dir, 0, false) < 0)
		return err_sys(err, "cannot mount cgroup '%s'", name);
	return 0;
}

/* All that we are in, as buildah has it; what cannot be mounted is not there. "4:cpu,cpuacct:/" */
static void mount_own_v1(const struct box *b, int top)
{
	AUTO_FREE char *table = NULL;
	AUTO_STRV struct strv lines = STRV_INIT;
	struct err ignored = ERR_INIT;
	size_t n;
	if (fs_read_file(b->proc, "self/cgroup", MIB, &table, &n, &ignored) < 0)
		return;
	strv_split(&lines, table, '\n');
	STRV_FOREACH (line, &lines) {
		char *name = strchr(*line, ':'), *end = name ? strchr(++name, ':') : NULL;
		if (!end)
			continue;
		*end = '\0';
		if (*name && !strchr(name, '='))
			(void)mount_hierarchy(top, name, &ignored);
	}
}

/* The hierarchies that hold our limits, so that programs that size themselves by them (JVMs) see
 * them. */
static int mount_cgroups_v1(const struct box *b, int target, struct err *err)
{
	const char *name = cgroup_v1_hierarchy(b->cgroup, 0);
	if (!name && !called_buildah())
		return 0;
	AUTO_FD int top =
		mount_new("tmpfs", (const char *const[]){"mode=0755", "size=4k", NULL}, ATTR_QUIET);
	if (top < 0 || mount_attach(top, target, 0, false) < 0)
		return err_sys(err, "cannot mount '/sys/fs/cgroup'");
	for (size_t i = 0; (name = cgroup_v1_hierarchy(b->cgroup, i)) && !called_buildah(); i++)
		if (mount_hierarchy(top, name, err) < 0)
			return err->code;
	if (called_buildah())
		mount_own_v1(b, top);
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	if (mount_setattr(top, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0 && errno != ENOSYS)
		return err_sys(err, "cannot make '/sys/fs/cgroup' read-only");
	return 0;
}

static int mount_cgroups(const struct box *b, int sys, struct err *err)
{
	AUTO_FD int target =
		openat(sys, "fs/cgroup", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return 0; /* a kernel without cgroups */
	if (!cgroup_is_unified())
		return mount_cgroups_v1(b, target, err);
	AUTO_FD int mnt = mount_new("cgroup2", NULL, ATTR_QUIET | MOUNT_ATTR_RDONLY);
	/* not allowed to every user namespace: the directory stays empty, or as the host has it,
	 * read-only */
	if (mnt >= 0 && mount_attach(mnt, target, 0, false) < 0)
		return err_sys(err, "cannot mount '/sys/fs/cgroup'");
	return 0;
}

/* Counters of each CPU that other tenants' work moves (moby masks them since 2024); physical
 * machines have them. */
static int mask_thermal(const struct box *b, int sys, int *empty, struct err *err)
{
	for (unsigned cpu = 0;; cpu++) {
		char name[64];
		snprintf(name, sizeof(name), "devices/system/cpu/cpu%u/thermal_throttle", cpu);
		if (faccessat(sys, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return 0;
		const char *const one = name;
		int r = mask(b, sys, "/sys", &one, 1, empty, err);
		if (r < 0)
			return r;
	}
}

static int mount_sys(struct box *b, int *empty, struct err *err)
{
	AUTO_FD int target = -1;
	int r = target_open(b, "/sys", TARGET_KEEP, &target, err);
	if (r < 0)
		return r;
	const unsigned ro = b->spec->insecure ? 0 : MOUNT_ATTR_RDONLY;
	AUTO_FD int mnt = mount_new("sysfs", NULL, ATTR_QUIET | ro);
	if (mnt >= 0) {
		if (mount_attach(mnt, target, 0, false) < 0)
			return err_sys(err, "cannot mount '/sys'");
		r = mount_cgroups(b, mnt, err);
	} else {
		/* sysfs shows a net namespace, and only its owner may mount it: rootless with the
		 * host's network, take the host's */
		mnt = open_tree(
			AT_FDCWD, "/sys", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (mnt < 0 || mount_attach(mnt, target, ATTR_QUIET | ro, true) < 0)
			return err_sys(err, "cannot mount '/sys'");
	}
	if (r < 0 || b->spec->insecure)
		return r;
	r = mask(b, mnt, "/sys", masked_sys, ARRAY_LEN(masked_sys), empty, err);
	return r < 0 ? r : mask_thermal(b, mnt, empty, err);
}

int mounts_kernel(struct box *b, struct err *err)
{
	AUTO_FD int empty = -1;
	int r = device_open("null", 1, 3, &b->null, err);
	if (r == 0)
		r = mount_proc(b, &empty, err);
	if (r == 0)
		r = mount_sys(b, &empty, err);
	return r < 0 ? r : mounts_dev(b, err);
}
