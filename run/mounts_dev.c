/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "layers/label.h"
#include "run/mounts.h"
#include "run/report.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define TTY_GROUP 5 /* of Debian, Fedora and their kin */

/* The last is a terminal, another for each who opens it. */
static const struct {
	const char *name;
	unsigned major_nr, minor_nr;
} devices[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9},
	{"tty", 5, 0}};

const char *device_usual(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(devices) - 1; i++)
		if (st.st_rdev == makedev(devices[i].major_nr, devices[i].minor_nr))
			return devices[i].name;
	return NULL;
}

bool device_all(int dev)
{
	struct stat st;
	for (size_t i = 0; i < ARRAY_LEN(devices) - 1; i++)
		if (fstatat(dev, devices[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISCHR(st.st_mode) ||
			st.st_rdev != makedev(devices[i].major_nr, devices[i].minor_nr))
			return false;
	AUTO_FD int null = openat(dev, devices[0].name, O_RDONLY | O_CLOEXEC);
	return null >= 0;
}

int device_open(
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
 * be nodev, so that mknod in the sandbox makes nothing that opens. Read-only: what is written to a
 * device is none of the mount's business, but modes and owners would be the host's.
 */
static int make_devices(const struct box *b, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		AUTO_FD int node = -1;
		int r = device_open(
			devices[i].name, devices[i].major_nr, devices[i].minor_nr, &node, err);
		if (r < 0)
			return r;
		AUTO_FD int file = openat(
			b->dev, devices[i].name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (file < 0 ||
			mount_bind_fd(node, file,
				MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) < 0)
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
	if (console < 0 || mount_bind_fd(slave, console, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) < 0)
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

/* Made together with its namespace, so that it takes no label when it is mounted. */
static int mount_mqueue(const struct box *b, struct err *err)
{
	AUTO_FD int mnt = -1;
	struct err ignored = ERR_INIT;
	if (mount_in_dev(b, "mqueue", "mqueue", NULL, ATTR_QUIET, &mnt, err) < 0)
		return err->code;
	if (label_files() && label_tree(mnt, label_files(), "/dev/mqueue", &ignored) < 0)
		log_debug("%s", ignored.msg);
	return 0;
}

int mounts_dev(struct box *b, struct err *err)
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
		r = mount_mqueue(b, err);
	/* of an IPC namespace that is not this user namespace's */
	if (r < 0 && b->spec->host_ipc && err_is_sys(err, EPERM)) {
		err_clear(err);
		r = 0;
	}
	if (r == 0 && b->spec->tty)
		r = open_terminal(b, pts, err);
	return r;
}
