/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/fold.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/xattr.h"
#include "layers/merged.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define DEPTH_MAX 2048 /* as deep as a path of a layer can be */

static int set_like(int from, int to, struct err *err)
{
	AUTO_XATTRS struct xattrs x = {0};
	struct stat st, now;

	if (owner_stat(from, &st) < 0 || owner_stat(to, &now) < 0)
		return err_sys(err, "cannot stat a directory");
	if ((now.st_uid != st.st_uid || now.st_gid != st.st_gid) &&
		owner_set(to, st.st_uid, st.st_gid) < 0)
		return err_sys(err, "cannot set the owner of a directory");
	if (now.st_mode != st.st_mode && fchmod(to, st.st_mode & 07777) < 0)
		return err_sys(err, "cannot set the mode of a directory");
	if (xattrs_read(from, "", &x, err) < 0)
		return err->code;
	for (size_t i = 0; i < x.n; i++)
		if (xattr_set(to, "", &x.x[i], err) < 0 && err->code != ERR_UNSUPPORTED)
			return err->code;
	const struct timespec times[2] = {st.st_atim, st.st_mtim};
	return futimens(to, times) < 0 ? err_sys(err, "cannot set the time of a directory") : 0;
}

int fold_begin(int upper, int fresh, struct err *err)
{
	return set_like(upper, fresh, err);
}

static int fold_tree(int from, int to, const struct merged *below, unsigned depth, struct err *err);

static int fold_dir(int from, int to, const struct merged *below, const char *name, unsigned depth,
	struct err *err)
{
	AUTO_MERGED struct merged sub_below = {0};
	AUTO_FD int sub = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD int into = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (sub < 0 || into < 0)
		return err_sys(err, "cannot open '%s'", name);
	if (merged_enter(below, name, &sub_below, err) < 0)
		return err->code;
	int r = fold_tree(sub, into, &sub_below, depth + 1, err);
	return r < 0 ? r : set_like(sub, into, err);
}

/* What is there hides what lies below it: so does what takes its place. */
static int replace(
	int from, int to, const struct merged *below, const struct walk_item *item, struct err *err)
{
	const char *name = item->name;
	struct stat st;
	size_t at;

	if (item->type == DT_DIR && merged_stat(below, name, &st, &at) && S_ISDIR(st.st_mode)) {
		AUTO_FD int fd =
			openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || whiteout_set_opaque(fd) < 0)
			return err_sys(err, "cannot change '%s'", name);
	}
	/* one is a directory and the other is not */
	if (renameat2(from, name, to, name, RENAME_EXCHANGE) == 0)
		return fs_remove_tree(from, name, err);
	if (fs_remove_tree(to, name, err) < 0)
		return err->code;
	return renameat(from, name, to, name) < 0 ? err_sys(err, "cannot move '%s'", name) : 0;
}

/* What no layer below has is gone with what upper has of it: nothing is left to be hidden. */
static int drop(int from, int to, const char *name, struct err *err)
{
	if (fs_remove_tree(to, name, err) < 0)
		return err->code;
	return unlinkat(from, name, 0) < 0 ? err_sys(err, "cannot remove '%s'", name) : 0;
}

static int fold_item(int from, int to, const struct merged *below, const struct walk_item *item,
	unsigned depth, struct err *err)
{
	struct stat st;
	size_t at;

	if (item->whiteout && !merged_stat(below, item->name, &st, &at))
		return drop(from, to, item->name, err);
	if (fstatat(to, item->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (item->type == DT_DIR && S_ISDIR(st.st_mode))
			return fold_dir(from, to, below, item->name, depth, err);
		if (item->type == DT_DIR || S_ISDIR(st.st_mode))
			return replace(from, to, below, item, err);
	}
	return renameat(from, item->name, to, item->name) < 0
	               ? err_sys(err, "cannot move '%s'", item->name)
	               : 0;
}

static int fold_tree(int from, int to, const struct merged *below, unsigned depth, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	struct stat before;
	int r = 0;

	if (depth == DEPTH_MAX)
		return err_set(
			err, ERR_LIMIT, "directories are nested more than %d deep", DEPTH_MAX);
	if (lseek(from, 0, SEEK_SET) < 0 || fstat(from, &before) < 0)
		return err_sys(err, "cannot read a directory");
	if (walk_list_read(from, "", &list, err) < 0)
		return err->code;
	for (size_t i = 0; r == 0 && i < list.n; i++)
		if (!list.items[i].descend)
			r = fold_item(from, to, below, &list.items[i], depth, err);
	/* the moves are none of the changes that were made */
	const struct timespec times[2] = {before.st_atim, before.st_mtim};
	if (futimens(from, times) < 0 && r == 0)
		r = err_sys(err, "cannot set the time of a directory");
	return r;
}

int fold_end(int fresh, int upper, const int *lower, size_t n_lower, struct err *err)
{
	AUTO_MERGED struct merged below = {0};

	if (merged_root(lower, n_lower, &below, err) < 0)
		return err->code;
	int r = fold_tree(fresh, upper, &below, 0, err);
	return r < 0 ? r : set_like(fresh, upper, err);
}
