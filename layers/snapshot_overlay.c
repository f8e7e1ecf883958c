/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's overlayfs, in the three ways of its history. */
#include "base/buf.h"
#include "base/err.h"
#include "base/fdpass.h"
#include "base/job.h"
#include "base/mem.h"
#include "layers/label.h"
#include "layers/snapshot_internal.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FD_PATH_MAX 32
#define MOUNT_DATA_MAX 4095 /* mount(2) takes one page */
#define LOWER_MAX 500 /* the kernel's OVL_MAX_STACK */
#define REOPEN_TRIES 8 /* a layer is renamed once */

static enum snapshot_way known_way = SNAPSHOT_PROBE;
static bool has_userxattr;

void snapshot_force(enum snapshot_way way)
{
	known_way = way;
	has_userxattr = true;
}

static const char *fd_path(int fd, char buf[FD_PATH_MAX])
{
	(void)snprintf(buf, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return buf;
}

static int set_fd(int fs, const char *key, int fd)
{
	return fsconfig(fs, FSCONFIG_SET_FD, key, NULL, fd);
}

static int set_path(int fs, const char *key, int fd)
{
	char path[FD_PATH_MAX];
	return fsconfig(fs, FSCONFIG_SET_STRING, key, fd_path(fd, path), 0);
}

/*
 * Before Linux 6.5 overlay has no parser for fsconfig: the kernel keeps whatever is set as text for
 * the mount and refuses nothing, so that no answer means anything.
 */
static bool takes_anything(int fs)
{
	return fsconfig(fs, FSCONFIG_SET_FLAG, "no_such_option", NULL, 0) == 0;
}

/* What this kernel's overlay understands, asked by setting options that no mount is made of. */
static void probe(void)
{
	if (known_way != SNAPSHOT_PROBE)
		return;
	AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0 || root < 0 || takes_anything(fs)) {
		known_way = SNAPSHOT_MOUNT;
		has_userxattr = true; /* tried first, and then without */
		return;
	}
	has_userxattr = fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) == 0;
	if (set_fd(fs, "lowerdir+", root) == 0)
		known_way = SNAPSHOT_BY_FD;
	else if (set_path(fs, "lowerdir+", root) == 0)
		known_way = SNAPSHOT_BY_PATH;
	else
		known_way = SNAPSHOT_MOUNT;
}

const char *snapshot_overlay_method(void)
{
	probe();
	switch (known_way) {
	case SNAPSHOT_BY_FD:
		return has_userxattr ? "overlay (lowerdir+ by descriptor, userxattr, volatile)"
		                     : "overlay (lowerdir+ by descriptor, volatile)";
	case SNAPSHOT_BY_PATH:
		return has_userxattr ? "overlay (lowerdir+ by path, userxattr, volatile)"
		                     : "overlay (lowerdir+ by path, volatile)";
	case SNAPSHOT_MOUNT:
	case SNAPSHOT_PROBE:
		break;
	}
	return "overlay (mount(2), volatile)";
}

/* Appends what the kernel says about a failed configuration: lines of "e overlay: text". */
static void add_kernel_log(int fs, struct buf *b)
{
	char line[256];
	ssize_t n;
	while ((n = read(fs, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		if (n > 2 && line[0] == 'e')
			buf_addf(b, " (%s)", line + 2);
	}
}

const char *snapshot_fs_name(int fd)
{
	static const struct {
		unsigned long type;
		const char *name;
	} names[] = {
		{OVERLAYFS_SUPER_MAGIC, "overlayfs"},
		{NFS_SUPER_MAGIC, "nfs"},
		{FUSE_SUPER_MAGIC, "fuse"},
		{MSDOS_SUPER_MAGIC, "vfat"},
		{SMB_SUPER_MAGIC, "smb"},
		{0xff534d42, "cifs"},
		{V9FS_MAGIC, "9p"},
		{TMPFS_MAGIC, "tmpfs"},
		{EXT4_SUPER_MAGIC, "ext4"},
		{XFS_SUPER_MAGIC, "xfs"},
		{BTRFS_SUPER_MAGIC, "btrfs"},
		{ECRYPTFS_SUPER_MAGIC, "ecryptfs"},
	};
	struct statfs s;
	if (fstatfs(fd, &s) < 0)
		return "an unknown file system";
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((unsigned long)s.f_type == names[i].type)
			return names[i].name;
	return "an unusual file system";
}

static int overlay_error(const struct snapshot *s, size_t n, int fs, struct err *err)
{
	int saved = errno;
	AUTO_BUF struct buf b = BUF_INIT(1024);
	if (fs >= 0)
		add_kernel_log(fs, &b);
	errno = saved;
	if (s->upper >= 0)
		return err_sys(err, "cannot mount %zu layers with the upper directory on %s%s", n,
			snapshot_fs_name(s->upper), buf_str(&b));
	return err_sys(err, "cannot mount %zu layers from %s%s", n,
		n ? snapshot_fs_name(s->lower[0]) : "nowhere", buf_str(&b));
}

/*
 * With userxattr overlay keeps its own attributes in user.*. Where the file system has none,
 * overlay mounts, but fails to replace a deleted directory: there trusted.* has to do, which is for
 * root.
 */
static int choose_xattrs(const struct snapshot *s, bool *ret_user, struct err *err)
{
	bool user = has_userxattr && whiteout_user_xattrs(s->upper >= 0 ? s->upper : s->lower[0]);
	if (has_userxattr && !user && s->upper >= 0) {
		char path[FD_PATH_MAX];
		(void)fd_path(s->upper, path);
		if (setxattr(path, "trusted.overlay.opaque", "n", 1, 0) < 0)
			return err_set(err, ERR_UNSUPPORTED,
				"the store is on %s, which keeps no attributes for overlayfs on "
				"this kernel (user.*, or trusted.* for root): use a store "
				"elsewhere (--root)",
				snapshot_fs_name(s->upper));
		(void)removexattr(path, "trusted.overlay.opaque");
	}
	*ret_user = user;
	return 0;
}

/* A failing option is an error, but for those that a kernel may lack. */
static int set_options(const struct snapshot *s, size_t n, bool userxattr, int fs)
{
	int (*set)(int, const char *, int) = known_way == SNAPSHOT_BY_FD ? set_fd : set_path;
	for (size_t i = 0; i < n; i++)
		if (set(fs, "lowerdir+", s->lower[i]) < 0)
			return -1;
	if (s->upper >= 0 && (set(fs, "upperdir", s->upper) < 0 || set(fs, "workdir", s->work) < 0))
		return -1;
	/* which marks the work directory: it cannot be mounted with it again */
	if (s->upper >= 0 && !s->keep && fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return -1;
	if (userxattr && fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return -1;
	if (label_files() && fsconfig(fs, FSCONFIG_SET_STRING, "context", label_files(), 0) < 0)
		return -1;
	/* the upper directory must be the changeset and nothing else (userxattr excludes
	 * redirect_dir=off) */
	static const char *const features[][2] = {
		{"redirect_dir", "nofollow"}, {"index", "off"}, {"metacopy", "off"}};
	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, features[i][0], features[i][1], 0) < 0)
			return -1;
	return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static int mount_by_fsconfig(
	const struct snapshot *s, size_t n, bool userxattr, int *ret_fd, struct err *err)
{
	AUTO_FD int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return overlay_error(s, n, -1, err);
	if (set_options(s, n, userxattr, fs) < 0)
		return overlay_error(s, n, fs, err);
	int fd = fsmount(
		fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | (s->upper < 0 ? MOUNT_ATTR_RDONLY : 0));
	if (fd < 0)
		return overlay_error(s, n, fs, err);
	*ret_fd = fd;
	return 0;
}

/* Names relative to /proc/self/fd: "lowerdir=12:13:14". */
static void mount_data(const struct snapshot *s, size_t n, struct buf *b)
{
	buf_addstr(b, "lowerdir=");
	for (size_t i = 0; i < n; i++)
		buf_addf(b, "%s%d", i ? ":" : "", s->lower[i]);
	if (s->upper >= 0)
		buf_addf(b, ",upperdir=%d,workdir=%d%s", s->upper, s->work,
			s->keep ? "" : ",volatile");
	if (label_files()) /* in which there are commas */
		buf_addf(b, ",context=\"%s\"", label_files());
	buf_addstr(b, ",redirect_dir=nofollow,index=off,metacopy=off");
}

/* 0, or -1 with errno: ENOENT also when path is another directory now. */
static int open_same(int fd, const char *path)
{
	struct stat was, is;
	int again = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (again < 0)
		return -1;
	int r = fstat(fd, &was) < 0 || fstat(again, &is) < 0 ? -1 : 0;
	if (r == 0 && (was.st_dev != is.st_dev || was.st_ino != is.st_ino)) {
		errno = ENOENT;
		r = -1;
	}
	if (r == 0 && dup3(again, fd, O_CLOEXEC) < 0)
		r = -1;
	int saved = errno;
	close(again);
	errno = saved;
	return r;
}

/*
 * Overlay takes only directories of the mount namespace in which it is mounted: after unshare, the
 * same directory is opened again in the copy of the mounts, under the same number. The layer of the
 * step before may get its name just now, so that the path is an old one.
 */
static int reopen(int fd, struct err *err)
{
	char link[FD_PATH_MAX], path[PATH_MAX];
	for (int tries = 0;; tries++) {
		ssize_t n = readlink(fd_path(fd, link), path, sizeof(path) - 1);
		if (n < 0)
			return err_sys(err, "cannot find the path of a layer");
		path[n] = '\0';
		if (open_same(fd, path) == 0)
			return 0;
		if (errno != ENOENT || tries == REOPEN_TRIES)
			return err_sys(err, "cannot open '%s' again", path);
	}
}

int snapshot_send_fd(int sock, int fd, struct err *err)
{
	return fdpass_send(sock, "", 1, fd) < 0 ? err_sys(err, "cannot hand over the mount") : 0;
}

int snapshot_receive_fd(int sock, int *ret_fd, struct err *err)
{
	char byte;
	bool cut;
	ssize_t n = fdpass_receive(sock, &byte, 1, MSG_DONTWAIT, ret_fd, &cut);
	return n <= 0 || *ret_fd < 0 ? err_set(err, ERR_SYS, "the mount was not handed over") : 0;
}

struct old_mount {
	const struct snapshot *s;
	size_t n;
	bool userxattr;
	int sock[2];
};

/* In a process and a mount namespace of its own, so that nobody ever sees the mount attached. */
static int old_mount_main(void *arg, struct buf *out, struct err *err)
{
	const struct old_mount *o = arg;
	const struct snapshot *s = o->s;
	(void)out;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, "cannot make a mount namespace");
	for (size_t i = 0; i < o->n; i++)
		if (reopen(s->lower[i], err) < 0)
			return err->code;
	if (s->upper >= 0 && (reopen(s->upper, err) < 0 || reopen(s->work, err) < 0))
		return err->code;
	AUTO_BUF struct buf data = BUF_INIT(MOUNT_DATA_MAX);
	mount_data(s, o->n, &data);
	size_t plain = data.len;
	buf_addstr(&data, ",userxattr");
	if (data.toobig)
		return err_set(err, ERR_LIMIT,
			"%zu layers are too many for this kernel (Linux 6.5 and later take more)",
			o->n);
	if (chdir("/proc/self/fd") < 0)
		return err_sys(err, "cannot enter /proc/self/fd");
	unsigned long flags = MS_NODEV | (s->upper < 0 ? MS_RDONLY : 0);
	bool done = o->userxattr && mount("overlay", "/", "overlay", flags, data.data) == 0;
	if (!done && (!o->userxattr || errno == EINVAL)) { /* Linux 5.10 */
		data.data[plain] = '\0';
		done = mount("overlay", "/", "overlay", flags, data.data) == 0;
	}
	if (!done)
		return overlay_error(s, o->n, -1, err);
	/* "/" itself is still what lies below the new mount, ".." from there is what lies on top */
	AUTO_FD int fd = open_tree(AT_FDCWD, "/..", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot detach the mount");
	return snapshot_send_fd(o->sock[1], fd, err);
}

static int mount_by_mount(
	const struct snapshot *s, size_t n, bool userxattr, int *ret_fd, struct err *err)
{
	struct old_mount o = {.s = s, .n = n, .userxattr = userxattr};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, o.sock) < 0)
		return err_sys(err, "cannot make a socket");
	int code = job_run(old_mount_main, &o, NULL, err);
	if (code == 0)
		code = snapshot_receive_fd(o.sock[0], ret_fd, err);
	close(o.sock[0]);
	close(o.sock[1]);
	return code;
}

/* Where it cannot make its work directory (a full disk), overlay mounts without an upper directory
 * that can be written to, and tells the kernel's log alone. */
static int check_writable(const struct snapshot *s, int fd, struct err *err)
{
	static const char probe_name[] = "probe";
	struct statfs fs;
	if (s->upper < 0 || fstatfs(fd, &fs) < 0 || !(fs.f_flags & MS_RDONLY))
		return 0;
	if (mkdirat(s->work, probe_name, 0700) == 0) {
		(void)unlinkat(s->work, probe_name, AT_REMOVEDIR);
		errno = ENOSPC; /* it wanted more than we did */
	}
	return err_sys(err, "overlay cannot make its work directory");
}

/* *ret_lower: its own list, to be freed. */
static struct snapshot with_below(const struct snapshot *s, int **ret_lower)
{
	struct snapshot d = *s;
	*ret_lower = xreallocarray(NULL, s->n_lower + 1, sizeof(int));
	memcpy(*ret_lower, s->lower, s->n_lower * sizeof(int));
	(*ret_lower)[d.n_lower++] = *s->below;
	d.lower = *ret_lower;
	d.below = NULL;
	return d;
}

int snapshot_overlay_mount(const struct snapshot *s, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = -1;
	AUTO_FREE int *lower = NULL;
	struct snapshot d;
	probe();
	bool userxattr = false;
	if (s->below && !s->ids && s->n_lower < LOWER_MAX) {
		d = with_below(s, &lower);
		s = &d;
	}
	if (s->ids && known_way == SNAPSHOT_MOUNT)
		return err_set(err, ERR_UNSUPPORTED,
			"owners cannot be mapped here: overlay takes mounts with mapped owners "
			"since Linux 6.5");
	int r = choose_xattrs(s, &userxattr, err);
	if (r < 0)
		return r;
	r = known_way == SNAPSHOT_MOUNT ? mount_by_mount(s, s->n_lower, userxattr, &fd, err)
	                                : mount_by_fsconfig(s, s->n_lower, userxattr, &fd, err);
	if (r == 0)
		r = check_writable(s, fd, err);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* A mount that the kernel refuses, whatever is mounted: the upper directory is no work directory.
 * That it is in use is looked at before, and with an index it is an error. */
bool snapshot_is_mounted(int upper)
{
	char data[4 * FD_PATH_MAX + sizeof("index=on,lowerdir=,upperdir=,workdir=")];
	char path[FD_PATH_MAX];
	(void)fd_path(upper, path);
	(void)snprintf(data, sizeof(data), "index=on,lowerdir=%s,upperdir=%s,workdir=%s", path,
		path, path);
	return mount("overlay", "/", "overlay", 0, data) < 0 && errno == EBUSY;
}
