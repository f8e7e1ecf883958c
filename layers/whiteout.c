/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/whiteout.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

int whiteout_parse(
	const char *entry, enum whiteout_kind *ret, const char **ret_target, struct err *err)
{
	*ret = WHITEOUT_NONE;
	*ret_target = NULL;
	if (!str_has_prefix(entry, WHITEOUT_PREFIX))
		return 0;
	const char *target = entry + strlen(WHITEOUT_PREFIX);
	if (streq(entry, WHITEOUT_OPAQUE)) {
		*ret = WHITEOUT_DIR;
	} else if (str_has_prefix(target, WHITEOUT_PREFIX)) {
		*ret = WHITEOUT_META;
	} else if (streq(target, "") || streq(target, ".") || streq(target, "..")) {
		return err_set(err, ERR_INVALID, "'%s' is a whiteout of nothing", entry);
	} else {
		*ret = WHITEOUT_NAME;
		*ret_target = target;
	}
	return 0;
}

static const char *fd_path(int fd, char path[32])
{
	(void)snprintf(path, 32, "/proc/self/fd/%d", fd);
	return path;
}

bool whiteout_user_xattrs(int fd)
{
	char path[32]; /* the descriptor may be one of O_PATH */
	return getxattr(fd_path(fd, path), "user.overlay.opaque", NULL, 0) >= 0 ||
	       errno != EOPNOTSUPP;
}

/* trusted.* needs CAP_SYS_ADMIN in the initial namespace and is for kernels without userxattr:
 * whoever mounts there is root and may set it. */
int whiteout_set_opaque(int fd)
{
	if (fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) == 0) {
		(void)fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0);
		return 0;
	}
	if (errno != EOPNOTSUPP)
		return -1;
	return fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0);
}

/* By its path only what is one of O_PATH: a step asks each layer below it, and that takes six times
 * as long. */
static bool says_yes(int fd, const char *name)
{
	char path[32], value[2];
	ssize_t n = fgetxattr(fd, name, value, sizeof(value));
	if (n < 0 && errno == EBADF)
		n = getxattr(fd_path(fd, path), name, value, sizeof(value));
	return n == 1 && value[0] == 'y';
}

bool whiteout_is_opaque(int fd)
{
	return says_yes(fd, "user.overlay.opaque") || says_yes(fd, "trusted.overlay.opaque");
}

static int remove_attr(int fd, const char *name)
{
	return fremovexattr(fd, name) == 0 || errno == ENODATA || errno == EOPNOTSUPP ||
	                       errno == EPERM
	               ? 0
	               : -1;
}

int whiteout_clear_opaque(int fd)
{
	return remove_attr(fd, "user.overlay.opaque") < 0 ||
	                       remove_attr(fd, "trusted.overlay.opaque") < 0
	               ? -1
	               : 0;
}

int whiteout_adopt(int fd)
{
	bool opaque = unlinkat(fd, WHITEOUT_OPAQUE, 0) == 0 ||
	              says_yes(fd, "user.fuseoverlayfs.opaque") || whiteout_is_opaque(fd);
	if (remove_attr(fd, "user.fuseoverlayfs.opaque") < 0 ||
		remove_attr(fd, "user.fuseoverlayfs.origin") < 0)
		return -1;
	return opaque ? whiteout_set_opaque(fd) : 0;
}

bool whiteout_is_file_in(int dirfd)
{
	struct statfs s;
	return fstatfs(dirfd, &s) == 0 && (unsigned long)s.f_type == OVERLAYFS_SUPER_MAGIC;
}

bool whiteout_is(int dirfd, const char *name, const struct stat *st)
{
	if (S_ISCHR(st->st_mode) && st->st_rdev == 0)
		return true;
	if (!S_ISREG(st->st_mode) || st->st_size || !whiteout_is_file_in(dirfd))
		return false;
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && says_yes(fd, "user.overlay.whiteout");
}

static int make_file(int dirfd, const char *name)
{
	AUTO_FD int fd =
		openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (fsetxattr(fd, "user.overlay.whiteout", "y", 1, 0) < 0) {
		int saved = errno;
		(void)unlinkat(dirfd, name, 0);
		errno = saved;
		return -1;
	}
	if (!whiteout_is_opaque(dirfd))
		(void)fsetxattr(dirfd, "user.overlay.opaque", "x", 1, 0);
	return 0;
}

int whiteout_make(int dirfd, const char *name)
{
	if (mknodat(dirfd, name, S_IFCHR | 0, makedev(0, 0)) == 0)
		return 0;
	return errno == EPERM && whiteout_is_file_in(dirfd) ? make_file(dirfd, name) : -1;
}
