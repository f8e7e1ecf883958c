/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/root.h"
#include "run/cgroup.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define TTY_GROUP 5 /* of Debian, Fedora and their kin */
#define ATTR_QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

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
	"devices/virtual/powercap",
	"firmware",
	"fs/selinux",
};
static const char *const read_only_proc[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};

int mount_of_context(int fs, const char *source, const char *const *options, unsigned attrs)
{
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return -1;
	for (; options && *options; options++) {
		char key[32];
		const char *eq = strchr(*options, '=');
		snprintf(key, sizeof(key), "%.*s", eq ? (int)(eq - *options) : 31, *options);
		if (fsconfig(fs, eq ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
			    eq ? eq + 1 : NULL, 0) < 0)
			return -1;
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, attrs);
}

int mount_new(const char *type, const char *const *options, unsigned attrs)
{
	AUTO_FD int fs = fsopen(type, FSOPEN_CLOEXEC);
	return fs < 0 ? -1 : mount_of_context(fs, type, options, attrs);
}

int mount_attach(int mnt, int target, uint64_t attrs, bool recursive)
{
	struct mount_attr set = {.attr_set = attrs};
	bool late = false;
	if (attrs && mount_setattr(mnt, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &set,
			     sizeof(set)) < 0) {
		if (errno != ENOSYS)
			return -1;
		late = true; /* Linux 5.10 and 5.11: only an attached mount can be changed, with
		                mount(2) */
	}
	if (move_mount(mnt, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -1;
	if (!late)
		return 0;
	char path[64];
	unsigned long flags = MS_REMOUNT | MS_BIND;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", mnt);
	flags |= attrs & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0;
	flags |= attrs & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0;
	flags |= attrs & MOUNT_ATTR_NODEV ? MS_NODEV : 0;
	flags |= attrs & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0;
	return mount(NULL, path, NULL, flags, NULL);
}

/* A clone of what fd is, onto target. */
static int bind_fd(int fd, int target, uint64_t attrs)
{
	AUTO_FD int clone = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return clone < 0 ? -1 : mount_attach(clone, target, attrs, false);
}

/* A new file system on path in the root. *ret_fd: its root directory. */
static int mount_at(const struct box *b, const char *path, const char *type,
	const char *const *options, unsigned attrs, int *ret_fd, struct err *err)
{
	AUTO_FD int target = -1;
	int r = target_open(b, path, TARGET_KEEP, &target, err);
	if (r < 0)
		return r;
	AUTO_FD int mnt = mount_new(type, options, attrs);
	if (mnt < 0 || mount_attach(mnt, target, 0, false) < 0)
		return err_sys(err, "cannot mount %s on '%s'", type, path);
	*ret_fd = take_fd(&mnt);
	return 0;
}

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

/* A directory becomes empty and read-only, a file /dev/null. *empty: -1 at first */
static int hide(const struct box *b, int target, const char *name, int *empty, struct err *err)
{
	struct stat st;
	int r = fstat(target, &st);
	if (r < 0)
		return err_sys(err, "cannot mask '%s'", name);
	if (!S_ISDIR(st.st_mode)) {
		r = bind_fd(
			b->null, target, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	} else if (*empty >= 0) {
		r = bind_fd(*empty, target, 0);
	} else {
		*empty = mount_new("tmpfs", (const char *const[]){"mode=0555", "size=4k", NULL},
			ATTR_QUIET | MOUNT_ATTR_RDONLY);
		r = *empty < 0 ? -1 : mount_attach(*empty, target, 0, false);
	}
	return r < 0 ? err_sys(err, "cannot mask '%s'", name) : 0;
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
		if (hide(b, target, names[i], empty, err) < 0)
			return err->code;
	}
	return 0;
}

static int set_read_only(int dir, const char *const *names, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_FD int target = openat(dir, names[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (target >= 0 && bind_fd(target, target, ATTR_QUIET | MOUNT_ATTR_RDONLY) < 0)
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

static int mount_proc(struct box *b, int *empty, struct err *err)
{
	int r = mount_at(b, "/proc", "proc", NULL, ATTR_QUIET, &b->proc, err);
	if (r < 0 && err_is_sys(err, EPERM)) {
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
	return r < 0 ? r : set_read_only(b->proc, read_only_proc, ARRAY_LEN(read_only_proc), err);
}

/* The hierarchies that hold our limits, so that programs that size themselves by them (JVMs) see
 * them. */
static int mount_cgroups_v1(const struct box *b, int target, struct err *err)
{
	if (!cgroup_v1_hierarchy(b->cgroup, 0))
		return 0;
	AUTO_FD int top =
		mount_new("tmpfs", (const char *const[]){"mode=0755", "size=4k", NULL}, ATTR_QUIET);
	if (top < 0 || mount_attach(top, target, 0, false) < 0)
		return err_sys(err, "cannot mount '/sys/fs/cgroup'");
	const char *name;
	for (size_t i = 0; (name = cgroup_v1_hierarchy(b->cgroup, i)); i++) {
		char options[4][32];
		const char *list[5] = {0};
		size_t n = 0;
		for (const char *s = name; *s && n < 4;) { /* "cpu,cpuacct" */
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
	}
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

/* A device of the host, known by its number and not by its name (CVE-2025-31133). *ret_fd: O_PATH.
 */
static int open_device(
	const char *name, unsigned major_nr, unsigned minor_nr, int *ret_fd, struct err *err)
{
	char path[32];
	struct stat st;
	snprintf(path, sizeof(path), "/dev/%s", name);
	AUTO_FD int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open the host's '%s'", path);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major_nr, minor_nr))
		return err_set(err, ERR_DENIED, "the host's '%s' is not device %u:%u", path,
			major_nr, minor_nr);
	*ret_fd = take_fd(&fd);
	return 0;
}

/*
 * Devices are binds of the host's nodes: that works in a user namespace too, and lets /dev itself
 * be nodev, so that mknod in the sandbox makes nothing that opens.
 */
static int make_devices(const struct box *b, struct err *err)
{
	static const struct {
		const char *name;
		unsigned major_nr, minor_nr;
	} devices[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8},
		{"urandom", 1, 9}, {"tty", 5, 0}};
	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		AUTO_FD int node = -1;
		int r = open_device(
			devices[i].name, devices[i].major_nr, devices[i].minor_nr, &node, err);
		if (r < 0)
			return r;
		AUTO_FD int file = openat(
			b->dev, devices[i].name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (file < 0 || bind_fd(node, file, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) < 0)
			return err_sys(err, "cannot provide '/dev/%s'", devices[i].name);
	}
	static const char *const links[][2] = {{"/proc/self/fd", "fd"},
		{"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
		{"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"}};
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (symlinkat(links[i][0], b->dev, links[i][1]) < 0)
			return err_sys(err, "cannot create '/dev/%s'", links[i][1]);
	return 0;
}

static int attach_in_dev(
	const struct box *b, const char *name, const char *type, int mnt, struct err *err)
{
	if (mnt < 0)
		return err_sys(err, "cannot mount %s on '/dev/%s'", type, name);
	if (mkdirat(b->dev, name, 0755) < 0)
		return err_sys(err, "cannot create '/dev/%s'", name);
	AUTO_FD int dir = openat(b->dev, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || mount_attach(mnt, dir, 0, false) < 0)
		return err_sys(err, "cannot mount %s on '/dev/%s'", type, name);
	return 0;
}

static int mount_in_dev(const struct box *b, const char *name, const char *type,
	const char *const *options, unsigned attrs, int *ret_fd, struct err *err)
{
	AUTO_FD int mnt = mount_new(type, options, attrs);
	int r = attach_in_dev(b, name, type, mnt, err);
	if (r == 0 && ret_fd)
		*ret_fd = take_fd(&mnt);
	return r;
}

/* A terminal of the new devpts: the master goes to the caller, the slave is the workload's and its
 * /dev/console. */
static int open_terminal(struct box *b, int pts, struct err *err)
{
	int unlock = 0;
	AUTO_FD int master = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(err, "cannot open a terminal");
	AUTO_FD int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(err, "cannot open a terminal");
	AUTO_FD int console =
		openat(b->dev, "console", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (console < 0 || bind_fd(slave, console, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) < 0)
		return err_sys(err, "cannot provide '/dev/console'");
	/* USER: the terminal belongs to who works on it */
	uint32_t uid;
	if (!idmap_outside(&b->spec->users.uids, b->user.uid, &uid))
		uid = (uint32_t)-1;
	if (fchown(slave, uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM)
		return err_sys(err, "cannot hand over the terminal");
	if (report_terminal(b->report, master) < 0)
		return err_sys(err, "cannot hand over the terminal");
	b->terminal = take_fd(&slave);
	return 0;
}

static int mount_dev(struct box *b, struct err *err)
{
	/* Unconditionally ours: an image's own /dev, or one that is a link, is never used
	 * (CVE-2026-41579). */
	int r = mount_at(b, "/dev", "tmpfs",
		(const char *const[]){"mode=0755", "size=65536k", NULL},
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &b->dev, err);
	if (r == 0)
		r = make_devices(b, err);
	if (r < 0)
		return r;

	AUTO_FD int pts = -1;
	char tty[32];
	uint32_t gid = 0;
	bool has_tty = idmap_outside(&b->spec->users.gids, TTY_GROUP, &gid);
	(void)snprintf(tty, sizeof(tty), "gid=%u", gid);
	const char *const pts_options[] = {
		"ptmxmode=0666", "mode=0620", has_tty ? tty : NULL, NULL};
	static const char *const pts_no_gid[] = {"ptmxmode=0666", "mode=0620", NULL};
	r = mount_in_dev(
		b, "pts", "devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &pts, err);
	if (r < 0 && err_is_sys(err, EINVAL)) { /* group 5 is not mapped */
		err_clear(err);
		r = mount_in_dev(b, "pts", "devpts", pts_no_gid,
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &pts, err);
	}
	if (r < 0)
		return r;

	r = attach_in_dev(b, "shm", "tmpfs", b->shm, err);
	if (r == 0)
		r = mount_in_dev(b, "mqueue", "mqueue", NULL, ATTR_QUIET, NULL, err);
	/* of an IPC namespace that is not this user namespace's */
	if (r < 0 && b->spec->host_ipc && err_is_sys(err, EPERM)) {
		err_clear(err);
		r = 0;
	}
	if (r == 0 && b->spec->tty)
		r = open_terminal(b, pts, err);
	return r;
}

int mounts_kernel(struct box *b, struct err *err)
{
	AUTO_FD int empty = -1;
	int r = open_device("null", 1, 3, &b->null, err);
	if (r == 0)
		r = mount_proc(b, &empty, err);
	if (r == 0)
		r = mount_sys(b, &empty, err);
	return r < 0 ? r : mount_dev(b, err);
}

/* Nothing goes over or into what the kernel shows (CVE-2019-16884, CVE-2025-52881), nor over the
 * root. */
static int check_target(const struct box *b, const char *path, int target, struct err *err)
{
	struct statfs fs;
	struct stat st, root;
	if (fstatfs(target, &fs) < 0 || fstat(target, &st) < 0 || fstat(b->root, &root) < 0)
		return err_sys(err, "cannot check mount target '%s'", path);
	if (st.st_dev == root.st_dev && st.st_ino == root.st_ino)
		return err_set(err, ERR_INVALID, "invalid mount target '%s'", path);
	if (fs.f_type == PROC_SUPER_MAGIC)
		return err_set(err, ERR_INVALID, "mount target '%s' is in /proc", path);
	struct stat dev;
	if (fstat(b->dev, &dev) < 0)
		return err_sys(err, "cannot check mount target '%s'", path);
	if (st.st_dev == dev.st_dev && st.st_ino == dev.st_ino)
		return err_set(err, ERR_INVALID, "mount target '%s' is /dev", path);
	return 0;
}

/* The file of a RUN_MOUNT_FILE, in the root of a tmpfs. */
static int write_file(const struct box *b, int dir, const struct run_mount *m, struct err *err)
{
	uint32_t uid, gid;
	if (!idmap_outside(&b->spec->users.uids, m->uid, &uid) ||
		!idmap_outside(&b->spec->users.gids, m->gid, &gid))
		return err_set(err, ERR_INVALID,
			"the owner %u:%u of '%s' is not in the user namespace", m->uid, m->gid,
			m->target);
	AUTO_FD int fd = openat(dir, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fs_write_all(fd, m->data, m->len) < 0 ||
		(!owner_is_kept() && fchown(fd, uid, gid) < 0) || fchmod(fd, m->mode & 07777) < 0)
		return err_sys(err, "cannot make the file for '%s'", m->target);
	return 0;
}

/*
 * A part of a file system of its own, as a detached mount. Only what is attached in our namespace
 * can be cloned, so the whole is attached for a moment, where nobody is yet.
 */
static int clone_below(const struct box *b, const struct run_mount *m, int tree, const char *path,
	int *ret_fd, struct err *err)
{
	static const char place[] = ".source";
	char self[64];
	if (mkdirat(b->dev, place, 0700) < 0)
		return err_sys(err, "cannot prepare mount '%s'", m->target);
	AUTO_FD int dir = openat(b->dev, place, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || mount_attach(tree, dir, 0, false) < 0)
		return err_sys(err, "cannot prepare mount '%s'", m->target);
	int r = m->kind == RUN_MOUNT_FILE ? write_file(b, tree, m, err) : 0;
	AUTO_FD int part = r < 0 ? -1 : root_open(tree, *path ? path : "/", O_PATH, 0);
	AUTO_FD int clone =
		part < 0 ? -1
			 : open_tree(part, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (r == 0 && clone < 0)
		r = err_sys(err, "cannot open '%s', the source of mount '%s'", path, m->target);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", tree);
	if (umount2(self, MNT_DETACH) < 0 || unlinkat(b->dev, place, AT_REMOVEDIR) < 0)
		return r < 0 ? r : err_sys(err, "cannot finish mount '%s'", m->target);
	if (r == 0)
		*ret_fd = take_fd(&clone);
	return r;
}

/* What is to be attached: a detached mount, -1 for a tmpfs. */
static int user_source(
	const struct box *b, const struct run_mount *m, int source, int *ret_fd, struct err *err)
{
	if (m->kind == RUN_MOUNT_FILE) {
		AUTO_FD int tree = mount_new("tmpfs", (const char *const[]){"mode=0700", NULL},
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
		if (tree < 0)
			return err_sys(err, "cannot make the file for '%s'", m->target);
		return clone_below(b, m, tree, "file", ret_fd, err);
	}
	if (m->kind == RUN_MOUNT_BIND && m->below)
		return clone_below(b, m, source, m->below, ret_fd, err);
	*ret_fd = source < 0 ? -1 : fcntl(source, F_DUPFD_CLOEXEC, 3);
	if (source >= 0 && *ret_fd < 0)
		return err_sys(err, "cannot prepare mount '%s'", m->target);
	return 0;
}

static int mount_user(struct box *b, const struct run_mount *m, int given, struct err *err)
{
	struct stat st = {.st_mode = S_IFDIR};
	AUTO_FD int source = -1;
	if (user_source(b, m, given, &source, err) < 0)
		return err->code;
	if (source >= 0 && fstat(source, &st) < 0)
		return err_sys(err, "cannot read the source of mount '%s'", m->target);
	AUTO_FD int target = -1;
	int r = target_open(b, m->target, S_ISDIR(st.st_mode) ? 0 : TARGET_FILE, &target, err);
	if (r == 0)
		r = check_target(b, m->target, target, err);
	if (r < 0)
		return r;
	uint64_t attrs = m->device ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC : MOUNT_ATTR_NODEV;
	attrs |= m->read_only ? MOUNT_ATTR_RDONLY : 0;
	if (m->kind != RUN_MOUNT_TMPFS) {
		if (mount_attach(source, target, attrs, true) < 0)
			return err_sys(err, "cannot mount on '%s'", m->target);
		return 0;
	}
	char size[48], mode[32];
	const char *options[3] = {mode};
	snprintf(mode, sizeof(mode), "mode=%04o", m->mode ? (unsigned)m->mode & 07777 : 01777U);
	snprintf(size, sizeof(size), "size=%" PRIu64, m->size);
	options[1] = m->size ? size : NULL;
	AUTO_FD int mnt = mount_new("tmpfs", options, (unsigned)attrs | MOUNT_ATTR_NOSUID);
	if (mnt < 0 || mount_attach(mnt, target, 0, false) < 0)
		return err_sys(err, "cannot mount tmpfs on '%s'", m->target);
	return 0;
}

/* What the user wants to be hidden, of whatever file system it is. */
static int mask_named(const struct box *b, struct err *err)
{
	struct stat st, root;
	AUTO_FD int empty = -1;
	STRV_FOREACH (path, &b->spec->mask) {
		AUTO_FD int target = root_open(b->root, *path, O_PATH, 0);
		if (target < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (target < 0 || fstat(target, &st) < 0 || fstat(b->root, &root) < 0)
			return err_sys(err, "cannot mask '%s'", *path);
		if (st.st_dev == root.st_dev && st.st_ino == root.st_ino)
			return err_set(
				err, ERR_INVALID, "cannot mask '%s', which is the root", *path);
		if (hide(b, target, *path, &empty, err) < 0)
			return err->code;
	}
	return 0;
}

int mounts_user(struct box *b, struct err *err)
{
	for (size_t i = 0; i < b->spec->n_mounts; i++) {
		int r = mount_user(b, &b->spec->mounts[i], b->sources[i], err);
		if (r < 0)
			return r;
	}
	return mask_named(b, err);
}
