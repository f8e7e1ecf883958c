/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/mem.h"
#include "base/root.h"
#include "run/mounts.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

int rootfs_attach(const struct box *b, struct err *err)
{
	/* Nothing that is mounted here may show up in the host's namespace, nor the other way
	 * round. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, "cannot make the mounts private");
	/*
	 * On top of "/": absolute paths still start at the old root, which is where this process's
	 * root directory is, so the host's devices can be reached until the pivot. nodev: a device
	 * node in the image, or one that the workload makes, opens nothing.
	 */
	AUTO_FD int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || mount_attach(b->root, top, MOUNT_ATTR_NODEV, false) < 0)
		return err_sys(err, "cannot attach the root file system");
	return 0;
}

int rootfs_pivot(const struct box *b, struct err *err)
{
	/* pivot_root(".", ".") puts the old root on top of the new one, in the same place
	 * (pivot_root(2), NOTES). */
	if (fchdir(b->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) {
		if (errno == EINVAL)
			return err_set(err, ERR_UNSUPPORTED,
				"cannot leave '/', which seems to be the initial RAM disk "
				"(switch_root to another file system first)");
		return err_sys(err, "cannot pivot into the root file system");
	}
	/* The old root with everything below it goes; "." is still the old one for umount2, the new
	 * one for chdir. */
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(err, "cannot detach the host's file systems");
	if (chdir("/") < 0)
		return err_sys(err, "cannot enter the new root");
	return 0;
}

/* A directory where the path leads, also behind a link to nothing. */
static int make_dir(const struct box *b, int root, const char *path, int *ret_fd)
{
	uint32_t uid, gid;
	AUTO_FREE char *real = root_resolve(root, path);
	if (!b->spec->cwd_of_user || !idmap_outside(&b->spec->users.uids, b->user.uid, &uid) ||
		!idmap_outside(&b->spec->users.gids, b->user.gid, &gid))
		uid = gid = (uint32_t)-1;
	return real ? root_mkdir_p(root, real, 0755, uid, gid, ret_fd) : -1;
}

/* The working directory of an image that has none there. It is made as runc makes it: what is left
 * again by ".." too. */
static int make_cwd(const struct box *b, int root, const char *cwd, int *ret_fd)
{
	for (const char *up = strstr(cwd, "/.."); up; up = strstr(up + 1, "/..")) {
		AUTO_FREE char *left = xstrndup(cwd, (size_t)(up - cwd));
		if ((up[3] == '/' || !up[3]) && make_dir(b, root, left, NULL) < 0)
			return -1;
	}
	return make_dir(b, root, cwd, ret_fd);
}

int rootfs_chdir(const struct box *b, struct err *err)
{
	const char *cwd = b->spec->cwd && *b->spec->cwd ? b->spec->cwd : "/";
	/* Through the root, without magic links: /proc/self/fd/7 is no working directory
	 * (CVE-2024-21626). */
	AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd = root_open(root, cwd, O_PATH | O_DIRECTORY, 0);
	if (fd < 0 && errno == ENOENT && make_cwd(b, root, cwd, &fd) < 0)
		fd = -1;
	if (fd < 0) {
		int missing = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
		err_sys(err, "cannot use working directory '%s'", cwd);
		if (missing)
			err->code = ERR_NOT_FOUND;
		return err->code;
	}
	char where[PATH_MAX];
	/* The kernel says "(unreachable)/..." for what lies outside of the root. */
	if (fchdir(fd) < 0 || syscall(SYS_getcwd, where, sizeof(where)) < 0)
		return err_sys(err, "cannot enter working directory '%s'", cwd);
	if (where[0] != '/')
		return err_set(
			err, ERR_DENIED, "working directory '%s' is outside of the root", cwd);
	return 0;
}
