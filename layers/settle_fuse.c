/* SPDX-License-Identifier: Apache-2.0 */
/* What fuse-overlayfs(1) leaves in an upper directory, in overlayfs' form. */
#include "base/err.h"
#include "base/mem.h"
#include "layers/settle_internal.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

int settle_fuse_name(int dirfd, const char *name, const struct merged *below, struct err *err)
{
	enum whiteout_kind kind;
	const char *target;
	struct stat st;
	size_t at;
	if (whiteout_parse(name, &kind, &target, err) < 0)
		return err->code;
	if (kind == WHITEOUT_NONE)
		return 0;
	if (unlinkat(dirfd, name, 0) < 0)
		return err_sys(err, "cannot remove '%s'", name);
	/* EEXIST: it was made again */
	if (kind == WHITEOUT_NAME && merged_stat(below, target, &st, &at) &&
		whiteout_make(dirfd, target) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make a whiteout of '%s'", target);
	return 1;
}

/* A file of the layers below that was copied up; one that the step made has no origin. */
static bool has_origin(int dirfd, const char *name)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && fgetxattr(fd, "user.fuseoverlayfs.origin", NULL, 0) >= 0;
}

/*
 * Copying a file up changes the time of its directory, which overlayfs sets back. True if that, as
 * far as can be seen, is all that happened to the directory's names.
 */
static int only_copied_up(int fd, const struct merged *same_dir, bool *ret, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	struct stat st;
	size_t at;
	if (walk_list_read(fd, "", &list, err) < 0)
		return err->code;
	*ret = list.n > 0;
	for (size_t i = 0; *ret && i < list.n; i++) {
		const struct walk_item *item = &list.items[i];
		if (item->descend)
			continue;
		*ret = merged_stat(same_dir, item->name, &st, &at) &&
		       IFTODT(st.st_mode) == item->type &&
		       (item->type == DT_DIR || has_origin(fd, item->name));
	}
	return lseek(fd, 0, SEEK_SET) < 0 ? err_sys(err, "cannot read a directory") : 0;
}

int settle_fuse_dir(int fd, const char *name, const struct merged *below,
	const struct merged *same_dir, struct stat *st, struct err *err)
{
	struct stat old;
	size_t at;
	bool untouched = false;
	if (whiteout_adopt(fd) < 0)
		return err_sys(err, "cannot mark '%s' as opaque", name);
	if (same_dir->n && !whiteout_is_opaque(fd) &&
		only_copied_up(fd, same_dir, &untouched, err) < 0)
		return err->code;
	if (untouched && merged_stat(below, name, &old, &at))
		st->st_mtim = old.st_mtim;
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	return futimens(fd, times) < 0 ? err_sys(err, "cannot set the time of '%s'", name) : 0;
}
