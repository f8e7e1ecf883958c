/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/settle.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"
#include "layers/settle_internal.h"
#include "layers/snapshot_internal.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 2048 /* as deep as a path of a layer can be */

struct settle {
	struct timespec begun;
	bool foreign; /* fuse-overlayfs made it */
	unsigned depth;
};

static int remove_name(int dirfd, const char *name, int flags, struct err *err)
{
	return unlinkat(dirfd, name, flags) < 0 ? err_sys(err, "cannot remove '%s'", name) : 0;
}

static int set_time(int fd, const struct stat *st, struct err *err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	return futimens(fd, times) < 0 ? err_sys(err, "cannot set the time of a directory") : 0;
}

/*
 * A directory that took the place of another, or of which all below is hidden: whiteouts for the
 * names that are gone say the same, and let what was made again as it was be found out.
 */
static int show_below(int fd, const struct merged *below, const struct stat *st, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	if (merged_names(below, &names, err) < 0)
		return err->code;
	STRV_FOREACH (name, &names)
		if (whiteout_make(fd, *name) < 0 && errno != EEXIST)
			return err_sys(err, "cannot make a whiteout of '%s'", *name);
	if (whiteout_clear_opaque(fd) < 0)
		return err_sys(err, "cannot change a directory");
	return names.n ? set_time(fd, st, err) : 0;
}

static int settle_tree(
	struct settle *s, int fd, const struct merged *below, bool hidden, struct err *err);

/* hidden: nothing of below was seen here. */
static int settle_dir(struct settle *s, int dirfd, const char *name, const struct merged *below,
	bool hidden, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_MERGED struct merged sub = {0};
	struct stat st;
	bool same = false;
	if (fd < 0 || owner_stat(fd, &st) < 0)
		return err_sys(err, "cannot open '%s'", name);
	if (merged_enter(below, name, &sub, err) < 0)
		return err->code;
	/* the marks are on the topmost directory alone */
	if (hidden && sub.n && s->foreign && whiteout_set_opaque(fd) < 0)
		return err_sys(err, "cannot change '%s'", name);
	if (s->foreign && settle_fuse_dir(fd, name, below, &sub, &st, err) < 0)
		return err->code;
	hidden |= whiteout_is_opaque(fd);
	if (hidden && show_below(fd, &sub, &st, err) < 0)
		return err_wrap(err, "'%s'", name);
	/* the kernel leaves no marks in what is new */
	if ((sub.n || s->foreign) && settle_tree(s, fd, &sub, hidden, err) < 0)
		return err->code;
	if (!sub.n)
		return 0;
	if (settle_same(dirfd, name, &st, below, &same, err) < 0)
		return err->code;
	if (same && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY)
		return err_sys(err, "cannot remove '%s'", name);
	return 0;
}

static int settle_item(struct settle *s, int dirfd, const struct walk_item *item,
	const struct merged *below, bool hidden, struct err *err)
{
	struct stat st;
	size_t at;
	bool same = false;
	if (item->type == DT_DIR)
		return settle_dir(s, dirfd, item->name, below, hidden, err);
	if (item->whiteout)
		return merged_stat(below, item->name, &st, &at)
		               ? 0
		               : remove_name(dirfd, item->name, 0, err);
	int r = s->foreign ? settle_fuse_name(dirfd, item->name, below, err) : 0;
	if (r != 0 || below->n == 0)
		return r < 0 ? r : 0;
	if (owner_stat_at(dirfd, item->name, &st) < 0)
		return err_sys(err, "cannot stat '%s'", item->name);
	/* a further link of it is a change */
	if (st.st_nlink > 1 || !settle_before(st.st_mtim, s->begun))
		return 0;
	if (settle_same(dirfd, item->name, &st, below, &same, err) < 0)
		return err->code;
	return same ? remove_name(dirfd, item->name, 0, err) : 0;
}

/* below: what the directory is merged with; nothing for one that is new. */
static int settle_tree(
	struct settle *s, int fd, const struct merged *below, bool hidden, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	struct stat before, after;
	if (fstat(fd, &before) < 0)
		return err_sys(err, "cannot stat a directory");
	if (s->depth == DEPTH_MAX)
		return err_set(
			err, ERR_LIMIT, "directories are nested more than %d deep", DEPTH_MAX);
	if (walk_list_read(fd, "", &list, err) < 0)
		return err->code;
	s->depth++;
	for (size_t i = 0; i < list.n; i++)
		if (!list.items[i].descend &&
			settle_item(s, fd, &list.items[i], below, hidden, err) < 0)
			return err->code;
	s->depth--;
	if (fstat(fd, &after) < 0)
		return err_sys(err, "cannot stat a directory");
	/* what was removed here was never there for the step */
	bool changed = after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
	               after.st_mtim.tv_nsec != before.st_mtim.tv_nsec;
	return changed ? set_time(fd, &before, err) : 0;
}

static int is_empty(int fd, bool *ret, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	if (walk_list_read(fd, "", &list, err) < 0)
		return err->code;
	*ret = list.n == 0;
	return lseek(fd, 0, SEEK_SET) < 0 ? err_sys(err, "cannot read a directory") : 0;
}

int snapshot_settle(const struct snapshot *snap, struct timespec begun, struct err *err)
{
	AUTO_MERGED struct merged below = {0};
	struct settle s = {.begun = begun};
	bool nothing = true;
	AUTO_FD int fd = openat(snap->upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open the step's directory");
	bool copied = snapshot_copy_used(snap->work);
	if (!copied && (snapshot_fuse_wait(snap->work, &s.foreign, err) < 0 ||
			       (s.foreign && snapshot_outlived(snap->work, err) < 0) ||
			       is_empty(fd, &nothing, err) < 0))
		return err->code;
	if (!copied && nothing)
		return 0;
	if (merged_root(snap->lower, snap->n_lower, &below, err) < 0)
		return err->code;
	return copied ? snapshot_copy_settle(snap, &below, begun, err)
	              : settle_tree(&s, fd, &below, false, err);
}
