/* SPDX-License-Identifier: Apache-2.0 */
#include "run/mounts.h"
#include "base/err.h"
#include "base/mem.h"
#include "layers/label.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int mount_of_context(int fs, const char *source, const char *const *options, unsigned attrs)
{
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return -1;
	/* a label of those that have no files before they are mounted */
	const char *label = label_files();
	bool takes_label = streq(source, "tmpfs") || streq(source, "devpts");
	if (label && takes_label && fsconfig(fs, FSCONFIG_SET_STRING, "context", label, 0) < 0)
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

/* Linux 5.10 and 5.11: only an attached mount can be changed, with mount(2). */
static int change_attached(int mnt, uint64_t attrs)
{
	char path[64];
	unsigned long flags = MS_REMOUNT | MS_BIND;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", mnt);
	flags |= attrs & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0;
	flags |= attrs & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0;
	flags |= attrs & MOUNT_ATTR_NODEV ? MS_NODEV : 0;
	flags |= attrs & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0;
	if (mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return attrs ? mount(NULL, path, NULL, flags, NULL) : 0;
}

int mount_attach(int mnt, int target, uint64_t attrs, bool recursive)
{
	/* a clone of a shared mount is its peer: what is mounted on one of them is on both */
	struct mount_attr alone = {.propagation = MS_PRIVATE}, set = {.attr_set = attrs};
	bool late = false;
	if (mount_setattr(mnt, "", AT_EMPTY_PATH | AT_RECURSIVE, &alone, sizeof(alone)) < 0 ||
		(attrs && mount_setattr(mnt, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
				  &set, sizeof(set)) < 0)) {
		if (errno != ENOSYS)
			return -1;
		late = true;
	}
	if (move_mount(mnt, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -1;
	return late ? change_attached(mnt, attrs) : 0;
}

int mount_bind_fd(int fd, int target, uint64_t attrs)
{
	AUTO_FD int clone = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return clone < 0 ? -1 : mount_attach(clone, target, attrs, false);
}

int mount_at(const struct box *b, const char *path, const char *type, const char *const *options,
	unsigned attrs, int *ret_fd, struct err *err)
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

int mount_hide(const struct box *b, int target, const char *name, int *empty, struct err *err)
{
	struct stat st;
	int r = fstat(target, &st);
	if (r < 0)
		return err_sys(err, "cannot mask '%s'", name);
	if (!S_ISDIR(st.st_mode)) {
		r = mount_bind_fd(
			b->null, target, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	} else if (*empty >= 0) {
		r = mount_bind_fd(*empty, target, 0);
	} else {
		*empty = mount_new("tmpfs", (const char *const[]){"mode=0555", "size=4k", NULL},
			ATTR_QUIET | MOUNT_ATTR_RDONLY);
		r = *empty < 0 ? -1 : mount_attach(*empty, target, 0, false);
	}
	return r < 0 ? err_sys(err, "cannot mask '%s'", name) : 0;
}
