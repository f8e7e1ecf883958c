/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/root.h"
#include "run/mounts.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

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

/* attrs: of the mount, which is filled before it is read-only. */
static int mount_tmpfs(const struct run_mount *m, int target, uint64_t attrs, struct err *err)
{
	char size[48], mode[32];
	const char *options[3] = {mode};
	const uint64_t late = m->copy_up ? attrs & MOUNT_ATTR_RDONLY : 0;
	snprintf(mode, sizeof(mode), "mode=%04o", m->mode ? (unsigned)m->mode & 07777 : 01777U);
	snprintf(size, sizeof(size), "size=%" PRIu64, m->size);
	options[1] = m->size ? size : NULL;
	AUTO_FD int mnt =
		mount_new("tmpfs", options, (unsigned)(attrs & ~late) | MOUNT_ATTR_NOSUID);
	if (mnt >= 0 && m->copy_up && mount_copy_up(target, mnt, m->target, m->mode != 0, err) < 0)
		return err->code;
	if (mnt < 0 || mount_attach(mnt, target, late, false) < 0)
		return err_sys(err, "cannot mount tmpfs on '%s'", m->target);
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
	/* the node is the machine's: nobody changes its mode, and it is written to all the same */
	uint64_t attrs = m->device ? MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC
	                           : MOUNT_ATTR_NODEV;
	attrs |= m->read_only ? MOUNT_ATTR_RDONLY : 0;
	attrs |= m->no_exec ? MOUNT_ATTR_NOEXEC : 0;
	attrs |= m->no_suid ? MOUNT_ATTR_NOSUID : 0;
	if (m->give && mount_give(b, source, m->target, err) < 0)
		return err->code;
	if (m->kind == RUN_MOUNT_TMPFS)
		return mount_tmpfs(m, target, attrs, err);
	if (mount_attach(source, target, attrs, true) < 0)
		return err_sys(err, "cannot mount on '%s'", m->target);
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
		if (mount_hide(b, target, *path, &empty, err) < 0)
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
