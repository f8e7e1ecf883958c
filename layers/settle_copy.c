/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back from a copy (snapshot_copy.c): what a step changed in it is copied once more, to the
 * upper directory. It cannot be moved there: nothing closes a file or directory to those who have a
 * descriptor of it (snapshot_seal.c), and the layer would go on changing.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "layers/copied.h"
#include "layers/copier.h"
#include "layers/merged.h"
#include "layers/settle_internal.h"
#include "layers/snapshot_internal.h"
#include "layers/walk.h"
#include "layers/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRESH "settled" /* what is to take the place of what is in the upper directory */

struct mover {
	struct copied copied;
	struct timespec begun;
	struct copier copier; /* its path and depth are ours, too */
};

/* A directory of the upper side that is made when something needs it. */
struct place {
	struct place *parent;
	const char *name;
	int source; /* the directory of the copy, whose attributes it gets in the end */
	int fd; /* -1: not made yet */
};

static int place_need(struct place *p, struct err *err)
{
	if (p->fd >= 0)
		return 0;
	if (place_need(p->parent, err) < 0)
		return err->code;
	if (mkdirat(p->parent->fd, p->name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make '%s'", p->name);
	p->fd = openat(p->parent->fd, p->name, COPIED_DIR_FLAGS);
	return p->fd < 0 ? err_sys(err, "cannot open '%s'", p->name) : 0;
}

/* A directory of the step's. */
struct level {
	int copy;
	int old; /* of the upper directory as it was, -1: not there */
	const struct merged *below;
};

static int move_tree(struct mover *m, const struct level *at, struct place *to, struct err *err);

/* A directory that was there: itself, if it differs, and what differs in it. */
static int move_dir(struct mover *m, const struct level *at, const char *name,
	const struct stat *st, struct place *to, struct err *err)
{
	AUTO_MERGED struct merged sub = {0};
	AUTO_FD int fd = openat(at->copy, name, COPIED_DIR_FLAGS);
	AUTO_FD int old = at->old < 0 ? -1 : openat(at->old, name, COPIED_DIR_FLAGS);
	bool same = false;
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", m->copier.path.data);
	struct place own = {.parent = to, .name = name, .source = fd, .fd = -1};
	const struct level inside = {.copy = fd, .old = old, .below = &sub};
	int r = merged_enter(at->below, name, &sub, err);
	if (r == 0)
		r = settle_same(at->copy, name, st, at->below, &same, err);
	if (r == 0 && !same)
		r = place_need(&own, err);
	if (r == 0)
		r = move_tree(m, &inside, &own, err);
	if (r == 0 && own.fd >= 0)
		r = copied_attributes(own.fd, st, fd, m->copier.path.data, err);
	mem_close_p(&own.fd);
	return r;
}

/* A name that is all of the step's. Attributes that overlay goes by do not travel. */
static int take_whole(struct mover *m, const struct level *at, const char *name, struct place *to,
	struct err *err)
{
	int from = at->copy;
	const struct merged own = {.fd = &from, .n = 1};
	return place_need(to, err) < 0 ? err->code
	                               : copier_name(&m->copier, &own, name, to->fd, err);
}

/* Nobody changed it: what an earlier step left in the upper directory stays, with its links. */
static int keep_old(struct mover *m, const struct level *at, const char *name, struct place *to,
	struct err *err)
{
	struct stat st;
	if (at->old < 0 || fstatat(at->old, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (place_need(to, err) < 0)
		return err->code;
	return linkat(at->old, name, to->fd, name, 0) == 0 ? 0 : take_whole(m, at, name, to, err);
}

static int move_name(struct mover *m, const struct level *at, const char *name, struct place *to,
	struct err *err)
{
	struct stat st, old;
	uint64_t mark;
	size_t in;
	bool same = false;
	if (owner_stat_at(at->copy, name, &st) < 0)
		return err_sys(err, "cannot stat '%s'", m->copier.path.data);
	if (copied_mark(at->copy, name, m->copier.path.data, &mark, err) < 0)
		return err->code;
	bool copy = copied_has(&m->copied, mark);
	if (S_ISDIR(st.st_mode) &&
		(copy || (merged_stat(at->below, name, &old, &in) && S_ISDIR(old.st_mode))))
		return move_dir(m, at, name, &st, to, err);
	if (copy && settle_before(st.st_ctim, m->copied.over))
		return keep_old(m, at, name, to, err);
	bool maybe_same =
		!S_ISDIR(st.st_mode) && st.st_nlink == 1 && settle_before(st.st_mtim, m->begun);
	if (maybe_same && settle_same(at->copy, name, &st, at->below, &same, err) < 0)
		return err->code;
	return same ? 0 : take_whole(m, at, name, to, err);
}

static int move_tree(struct mover *m, const struct level *at, struct place *to, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT, old = STRV_INIT;
	int dir = openat(at->copy, ".", COPIED_DIR_FLAGS);
	struct merged own = {.fd = &dir, .n = 1};
	if (dir < 0)
		return err_sys(err, "cannot open '%s'", buf_str(&m->copier.path));
	int r = m->copier.depth == COPIED_DEPTH_MAX
	                ? err_set(err, ERR_LIMIT, "directories are nested more than %d deep",
				  COPIED_DEPTH_MAX)
	                : merged_names(&own, &names, err);
	if (r == 0)
		r = merged_names(at->below, &old, err);
	m->copier.depth++;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		size_t before = m->copier.path.len;
		r = copied_path_push(&m->copier.path, names.v[i], err);
		if (r == 0)
			r = move_name(m, at, names.v[i], to, err);
		buf_remove(&m->copier.path, before, m->copier.path.len - before);
	}
	m->copier.depth--;
	for (size_t i = 0, k = 0; r == 0 && i < old.n; i++) {
		while (k < names.n && strcmp(names.v[k], old.v[i]) < 0)
			k++;
		if (k < names.n && streq(names.v[k], old.v[i]))
			continue;
		r = place_need(to, err);
		if (r == 0 && whiteout_make(to->fd, old.v[i]) < 0)
			r = err_sys(err, "cannot make a whiteout of '%s'", old.v[i]);
	}
	close(dir);
	return r;
}

/* fresh takes the place of what is in upper: each name there has either what it had or what it is
 * to have, whenever we are killed. */
static int replace_content(int fresh, int upper, const struct walk_list *old, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	AUTO_STRV struct strv names = STRV_INIT;
	if (lseek(fresh, 0, SEEK_SET) < 0 || walk_list_read(fresh, "", &list, err) < 0)
		return err_sys(err, "cannot read what the step left");
	for (size_t i = 0; i < list.n; i++) {
		const char *name = list.items[i].name;
		if (list.items[i].descend)
			continue;
		strv_add(&names, name);
		if (renameat2(fresh, name, upper, name, RENAME_EXCHANGE) == 0)
			continue;
		/* there is none, or the file system cannot exchange */
		if (fs_remove_tree(upper, name, err) < 0)
			return err->code;
		if (renameat(fresh, name, upper, name) < 0)
			return err_sys(err, "cannot move '%s'", name);
	}
	for (size_t i = 0; i < old->n; i++)
		if (!old->items[i].descend && !strv_has(&names, old->items[i].name) &&
			fs_remove_tree(upper, old->items[i].name, err) < 0)
			return err->code;
	return 0;
}

int snapshot_copy_settle(const struct snapshot *snap, const struct merged *below,
	struct timespec begun, struct err *err)
{
	const int work = snap->work, upper = snap->upper;
	AUTO_COPIED struct copied copied = {0};
	AUTO_WALK_LIST struct walk_list old = {0};
	AUTO_FD int to = openat(upper, ".", COPIED_DIR_FLAGS);
	AUTO_FD int fresh = -1;
	int r = copied_read(work, &copied, err);
	if (r < 0)
		return r;
	AUTO_FD int from = openat(work, COPIED_TREE, COPIED_DIR_FLAGS);
	if (from < 0 || to < 0)
		return err_sys(err, "cannot open the copy of the layers");
	if (walk_list_read(to, "", &old, err) < 0)
		return err->code;
	/* who did this before us was killed */
	if (fs_remove_tree(work, FRESH, err) < 0)
		return err->code;
	/* a container's: what an earlier step left, and this one removed, is not to stay */
	if (old.n && (mkdirat(work, FRESH, 0700) < 0 ||
			     (fresh = openat(work, FRESH, COPIED_DIR_FLAGS)) < 0))
		return err_sys(err, "cannot make a directory for what the step left");
	AUTO_LINKS struct links *links = links_new();
	struct place root = {.fd = old.n ? fresh : to};
	struct mover m = {.copied = copied,
		.begun = begun,
		.copier = {.root = root.fd,
			.links = links,
			.take = !snap->keep,
			.path = BUF_INIT(PATH_MAX)}};
	const struct level top = {.copy = from, .old = old.n ? to : -1, .below = below};
	r = move_tree(&m, &top, &root, err);
	buf_done(&m.copier.path);
	if (r == 0 && old.n)
		r = replace_content(fresh, to, &old, err);
	if (r == 0)
		r = fs_remove_tree(work, FRESH, err);
	if (r < 0 || snap->keep)
		return r;
	r = snapshot_copy_forget(work, err);
	return r < 0 ? r : fs_remove_tree(work, COPIED_TREE, err);
}
