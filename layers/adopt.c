/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/adopt.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"
#include "layers/merged.h"
#include "layers/settle_internal.h"
#include "layers/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define DEPTH_MAX 2048 /* as deep as a path of a layer can be */

struct adopter {
	uid_t uid;
	gid_t gid;
	struct timespec begun;
	unsigned depth;
};

static int adopt_tree(struct adopter *a, int fd, const struct merged *below, struct err *err);

/* fd: the item itself if it is a file or a directory, else -1. gid: of what is made in there */
static int adopt(
	const struct adopter *a, int dirfd, gid_t gid, const char *name, int fd, struct err *err)
{
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot stat '%s'", name);
	if (settle_before(st.st_ctim, a->begun))
		return 0;
	int r = fd >= 0 ? owner_complete(fd, a->uid, gid)
	                : owner_complete_at(dirfd, name, a->uid, gid);
	return r < 0 ? err_sys(err, "cannot keep the owner of '%s'", name) : 0;
}

static int adopt_item(struct adopter *a, int dirfd, gid_t gid, const struct walk_item *item,
	const struct merged *below, struct err *err)
{
	AUTO_MERGED struct merged sub = {0};
	struct stat old;
	size_t at;
	bool is_dir = item->type == DT_DIR;
	bool is_new = (a->uid || gid) && !merged_stat(below, item->name, &old, &at);
	if (!is_dir && !is_new)
		return 0;
	AUTO_FD int fd = -1;
	if (is_dir || item->type == DT_REG) {
		fd = openat(dirfd, item->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, "cannot open '%s'", item->name);
	}
	if (is_new && adopt(a, dirfd, gid, item->name, fd, err) < 0)
		return err->code;
	if (!is_dir)
		return 0;
	if (merged_enter(below, item->name, &sub, err) < 0)
		return err->code;
	return adopt_tree(a, fd, &sub, err);
}

static int adopt_tree(struct adopter *a, int fd, const struct merged *below, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	struct stat st;
	if (owner_stat(fd, &st) < 0)
		return err_sys(err, "cannot stat a directory");
	gid_t gid = st.st_mode & S_ISGID ? st.st_gid : a->gid;
	if (a->depth == DEPTH_MAX)
		return err_set(
			err, ERR_LIMIT, "directories are nested more than %d deep", DEPTH_MAX);
	if (walk_list_read(fd, "", &list, err) < 0)
		return err->code;
	a->depth++;
	for (size_t i = 0; i < list.n; i++)
		if (!list.items[i].descend && !list.items[i].whiteout &&
			adopt_item(a, fd, gid, &list.items[i], below, err) < 0)
			return err->code;
	a->depth--;
	return 0;
}

int snapshot_adopt(
	const struct snapshot *s, uid_t uid, gid_t gid, struct timespec begun, struct err *err)
{
	AUTO_MERGED struct merged below = {0};
	struct adopter a = {.uid = uid, .gid = gid, .begun = begun};
	if (!owner_is_kept())
		return 0;
	AUTO_FD int fd = openat(s->upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open the step's directory");
	if (merged_root(s->lower, s->n_lower, &below, err) < 0)
		return err->code;
	return adopt_tree(&a, fd, &below, err);
}
