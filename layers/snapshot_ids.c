/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot whose owners are shown with the numbers of another user namespace: who runs in there
 * sees and makes files with the owners that a layer has, and what lies on the disk are those, not
 * the numbers outside. Every layer, and the upper and work directories, are cloned as id-mapped
 * mounts (Linux 5.12; of overlay's 5.19), and overlay is mounted from these.
 */
#include "base/err.h"
#include "base/idmap.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/root.h"
#include "layers/snapshot_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int snapshot_show_ids(int mnt, const struct idmap_view *ids, struct err *err)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)(unsigned)ids->userns};
	if (mount_setattr(mnt, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return 0;
	if (errno == EINVAL || errno == ENOSYS)
		return err_set(err, ERR_UNSUPPORTED,
			"owners cannot be mapped here: this kernel has no id-mapped mounts of %s",
			snapshot_fs_name(mnt));
	return err_sys(err, "cannot map the owners of a mount");
}

static int clone_shown(int dir, const struct idmap_view *ids, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = open_tree(dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (fd < 0)
		return err_sys(err, "cannot mount a layer");
	if (snapshot_show_ids(fd, ids, err) < 0)
		return err->code;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int path_of(int fd, char ret[PATH_MAX], struct err *err)
{
	char link[32];
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret, PATH_MAX - 1);
	if (n < 0)
		return err_sys(err, "cannot find the path of a directory");
	ret[n] = '\0';
	return 0;
}

/* The directory dir again, below a mount of one above it, of which path is the path from there. */
static int open_below(int mnt, const char *path, int dir, int *ret_fd, struct err *err)
{
	struct stat was, is;
	AUTO_FD int fd = root_open(mnt, *path ? path : "/", O_PATH | O_DIRECTORY, 0);
	if (fd < 0 || fstat(dir, &was) < 0 || fstat(fd, &is) < 0)
		return err_sys(err, "cannot open '%s' again", path);
	if (was.st_dev != is.st_dev || was.st_ino != is.st_ino)
		return err_set(err, ERR_SYS, "'%s' is another directory now", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

struct shown {
	const struct snapshot *s;
	int sock[2];
	/* clones */
	int *lower;
	int above; /* of a directory that has both upper and work in it */
	int upper, work;
};

/* Overlay wants both in one mount: that of the deepest directory above them. */
static int clone_upper(struct shown *w, struct err *err)
{
	char upper[PATH_MAX], work[PATH_MAX];
	if (path_of(w->s->upper, upper, err) < 0 || path_of(w->s->work, work, err) < 0)
		return err->code;
	size_t n = 0;
	for (size_t i = 0; upper[i] && upper[i] == work[i]; i++)
		if (upper[i] == '/')
			n = i + 1;
	if (n == 0)
		return err_set(err, ERR_SYS, "cannot find the upper directory");
	char up[PATH_MAX] = "..";
	for (const char *s = upper + n; (s = strchr(s, '/')) && strlen(up) + 4 < sizeof(up); s++)
		(void)snprintf(up + strlen(up), sizeof(up) - strlen(up), "/..");
	AUTO_FD int dir = openat(w->s->upper, up, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "cannot open what lies above '%s'", upper);
	int r = clone_shown(dir, w->s->ids, &w->above, err);
	if (r == 0)
		r = open_below(w->above, upper + n, w->s->upper, &w->upper, err);
	if (r == 0)
		r = open_below(w->above, work + n, w->s->work, &w->work, err);
	return r;
}

static int attach(int mnt, int place, const char *name, struct err *err)
{
	if (mkdirat(place, name, 0700) < 0 ||
		move_mount(mnt, "", place, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, "cannot attach a layer");
	return 0;
}

/* Before Linux 6.15 overlay takes nothing that is in no mount namespace: they are attached in one
 * of our own, in a file system that nobody else has. */
static int attach_all(const struct shown *w, struct err *err)
{
	char name[32];
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, "cannot make a mount namespace");
	AUTO_FD int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(err, "cannot make a place for layers");
	AUTO_FD int place = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (place < 0 || move_mount(place, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, "cannot make a place for layers");
	for (size_t i = 0; i < w->s->n_lower; i++) {
		(void)snprintf(name, sizeof(name), "%zu", i);
		if (attach(w->lower[i], place, name, err) < 0)
			return err->code;
	}
	return w->above < 0 ? 0 : attach(w->above, place, "upper", err);
}

/* In a process of its own: overlay does its own work as who mounts it, and who is that has to be in
 * the map. */
static int shown_main(void *arg, struct buf *out, struct err *err)
{
	struct shown *w = arg;
	(void)out;
	w->lower = xcalloc(w->s->n_lower, sizeof(*w->lower));
	for (size_t i = 0; i < w->s->n_lower; i++)
		if (clone_shown(w->s->lower[i], w->s->ids, &w->lower[i], err) < 0)
			return err->code;
	if (w->s->upper >= 0 && clone_upper(w, err) < 0)
		return err->code;
	if (attach_all(w, err) < 0 || idmap_be_root(w->s->ids, err) < 0)
		return err->code;
	struct snapshot s = *w->s;
	AUTO_FD int fd = -1;
	s.lower = w->lower;
	s.upper = w->upper;
	s.work = w->work;
	if (snapshot_overlay_mount(&s, &fd, err) < 0)
		return err->code;
	return snapshot_send_fd(w->sock[1], fd, err);
}

int snapshot_ids_mount(const struct snapshot *s, int *ret_fd, struct err *err)
{
	struct shown w = {.s = s, .above = -1, .upper = -1, .work = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.sock) < 0)
		return err_sys(err, "cannot make a socket");
	int code = job_run(shown_main, &w, NULL, err);
	if (code == 0)
		code = snapshot_receive_fd(w.sock[0], ret_fd, err);
	close(w.sock[0]);
	close(w.sock[1]);
	return code;
}
