/* SPDX-License-Identifier: Apache-2.0 */
#include "build/container_tree.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "layers/adopt.h"
#include "layers/settle.h"
#include "registry/transport.h"
#include "run/stubs.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/lowers.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* --- one use --- */

static int open_lowers(
	struct store *s, const struct container *c, struct container_tree *tree, struct err *err)
{
	AUTO_IMAGE struct image base = {0};
	size_t n = c->config.n_diff_ids;

	if (!n)
		return 0;
	int r = image_load(s, &c->manifest, NULL, &base, err);
	if (r == 0)
		r = image_unpack(s, &base, NULL, err);
	if (r < 0)
		return err_wrap(err, "the base image of '%s'", c->name);
	tree->lowers = xcalloc(n, sizeof(*tree->lowers));
	r = image_lowers(s, c->config.diff_ids, n, tree->lowers, err);
	if (r == 0)
		tree->n_lowers = n;
	return r;
}

static int open_sub(const struct container *c, const char *name, int *ret_fd, struct err *err)
{
	*ret_fd = openat(c->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(err, "cannot open '%s' of the container '%s'", name, c->name)
	                   : 0;
}

int container_link_open(
	const struct container *c, size_t number, bool make, int *ret_fd, struct err *err)
{
	AUTO_FREE char *name = xasprintf("links/%zu", number);
	AUTO_FD int links = -1;

	if (make && mkdirat(c->dir, "links", 0755) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make 'links' of the container '%s'", c->name);
	int r = make ? open_sub(c, "links", &links, err) : 0;
	if (r == 0 && make)
		r = fs_remove_tree(links, strchr(name, '/') + 1, err);
	if (r == 0 && make && mkdirat(c->dir, name, 0755) < 0)
		r = err_sys(err, "cannot make '%s' of the container '%s'", name, c->name);
	return r < 0 ? r : open_sub(c, name, ret_fd, err);
}

int container_link_remove(const struct container *c, size_t number, struct err *err)
{
	AUTO_FREE char *name = xasprintf("links/%zu", number);

	return fs_remove_tree(c->dir, name, err);
}

/* The container's own files are one more layer, to be looked at. */
static void put_on_top(struct container_tree *tree)
{
	tree->lowers = xreallocarray(tree->lowers, tree->n_lowers + 1, sizeof(*tree->lowers));
	memmove(tree->lowers + 1, tree->lowers, tree->n_lowers * sizeof(*tree->lowers));
	tree->lowers[0] = take_fd(&tree->upper);
	tree->n_lowers++;
	tree->snap = (struct snapshot){
		.lower = tree->lowers, .n_lower = tree->n_lowers, .upper = -1, .work = -1};
}

/* What was done in a mount (container_mount()) that is, or was, no kernel's overlay. keep: it is
 * there still. */
static int take_back(
	const struct container *c, const struct container_tree *tree, bool keep, struct err *err)
{
	AUTO_FD int work = openat(c->dir, "work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (work < 0)
		return errno == ENOENT ? 0 : err_sys(err, "cannot open 'work' of '%s'", c->name);
	if (keep && !snapshot_copy_used(work))
		return 0;
	if (!keep && container_was_mounted_elsewhere(c))
		snapshot_abandon(work);
	const struct snapshot snap = {.lower = tree->lowers,
		.n_lower = tree->n_lowers,
		.upper = tree->upper,
		.work = work,
		.keep = true}; /* whenever we are killed */
	int r = snapshot_settle(&snap, tree->begun, err);
	if (r < 0 || keep)
		return r;
	r = snapshot_copy_forget(work, err);
	return r < 0 ? r : fs_remove_tree(c->dir, "work", err);
}

int container_tree_catch_up(
	struct store *s, const struct container *c, struct container_tree *tree, struct err *err)
{
	if (tree->merged < 0)
		return 0;
	int r = open_lowers(s, c, tree, err);
	return r < 0 ? r : take_back(c, tree, true, err);
}

static int make_dir(const struct container *c, const char *name, int *ret_fd, struct err *err)
{
	int r = fs_remove_tree(c->dir, name, err);
	if (r < 0)
		return r;
	if (mkdirat(c->dir, name, 0755) < 0)
		return err_sys(err, "cannot make '%s' of the container '%s'", name, c->name);
	return open_sub(c, name, ret_fd, err);
}

/* Of what is not mounted, and nobody uses. */
static int open_alone(struct store *s, struct txn *t, const struct container *c,
	struct container_tree *tree, struct err *err)
{
	AUTO_FREE char *work_name = NULL;
	int r = open_lowers(s, c, tree, err);
	if (r == 0 && txn_fd(t) < 0) {
		put_on_top(tree);
		return 0;
	}
	if (r == 0)
		r = take_back(c, tree, false, err);
	/* a work directory serves one mount only */
	if (r == 0)
		r = tree->lasting ? make_dir(c, "work", &tree->work, err)
		                  : txn_mkdir(t, "work", &work_name, &tree->work, err);
	tree->snap = (struct snapshot){.lower = tree->lowers,
		.n_lower = tree->n_lowers,
		.upper = tree->upper,
		.work = tree->work};
	return r;
}

/* What others have mounted; a copy lies where all find it. */
static int open_beside(
	struct store *s, const struct container *c, struct container_tree *tree, struct err *err)
{
	int r = open_sub(c, "work", &tree->work, err);
	tree->beside = true;
	if (r == 0)
		r = open_lowers(s, c, tree, err);
	tree->snap = (struct snapshot){.lower = tree->lowers,
		.n_lower = tree->n_lowers,
		.upper = tree->upper,
		.work = tree->work,
		.mounted = &c->root};
	if (r == 0 && snapshot_copy_used(tree->work))
		tree->snap = (struct snapshot){.upper = c->root, .work = -1};
	return r;
}

static int open_tree_of(struct store *s, struct txn *t, const struct container *c, bool lasting,
	struct container_tree *ret, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {
		.upper = -1, .work = -1, .merged = -1, .lasting = lasting};
	enum container_mounted mounted = container_mounted(s, c);

	if (mounted == CONTAINER_MOUNTED_ELSEWHERE)
		return err_set(err, ERR_BUSY,
			"the container '%s' is mounted in another mount namespace (an 'unshare' "
			"that is still running): use it there, or umount it there first",
			c->name);
	/* whatever is wrong with it: what is older cannot have been made in here */
	(void)clock_parse(c->created, &tree.begun);
	int r = open_sub(c, "upper", &tree.upper, err);
	if (r == 0 && mounted == CONTAINER_MOUNTED) {
		r = open_sub(c, "merged", &tree.merged, err);
		if (r == 0)
			r = open_sub(c, "work", &tree.work, err);
		tree.snap = (struct snapshot){.upper = tree.merged, .work = -1};
	} else if (r == 0) {
		r = c->root >= 0 ? open_beside(s, c, &tree, err) : open_alone(s, t, c, &tree, err);
	}
	if (r < 0)
		return r;
	*ret = tree;
	tree = (struct container_tree){.upper = -1, .work = -1, .merged = -1};
	return 0;
}

int container_tree_open(struct store *s, struct txn *t, const struct container *c,
	struct container_tree *ret, struct err *err)
{
	return open_tree_of(s, t, c, false, ret, err);
}

int container_tree_share(struct store *s, struct txn *t, const struct container *c,
	struct container_tree *ret, struct err *err)
{
	return open_tree_of(s, t, c, true, ret, err);
}

int container_tree_end(const struct container *c, const struct container_tree *tree, uid_t uid,
	gid_t gid, struct timespec begun, struct err *err)
{
	const struct snapshot changed = {
		.lower = tree->lowers, .n_lower = tree->n_lowers, .upper = tree->upper, .work = -1};
	if (tree->merged >= 0)
		return 0;
	int r = tree->lasting ? take_back(c, tree, false, err) : container_tree_settle(tree, err);
	return r < 0 ? r : snapshot_adopt(&changed, uid, gid, begun, err);
}

int container_tree_settle(const struct container_tree *tree, struct err *err)
{
	return tree->merged >= 0 || tree->beside || tree->snap.upper < 0
	               ? 0
	               : snapshot_settle(&tree->snap, tree->begun, err);
}

void container_tree_close(struct container_tree *tree)
{
	for (size_t i = 0; i < tree->n_lowers; i++)
		(void)close(tree->lowers[i]);
	free(tree->lowers);
	mem_close_p(&tree->upper);
	mem_close_p(&tree->work);
	mem_close_p(&tree->merged);
	*tree = (struct container_tree){.upper = -1, .work = -1, .merged = -1};
}

/* --- a mount that stays --- */

char *container_mount_path(const struct store *s, const struct container *c)
{
	return xasprintf("%s/containers/%s/merged", store_path(s), c->id);
}

int container_mount(struct store *s, struct txn *t, struct container *c, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {.upper = -1, .work = -1, .merged = -1};
	AUTO_FD int work = -1, merged = -1, fd = -1;

	int r = container_tree_open(s, t, c, &tree, err);
	if (r < 0 || tree.merged >= 0)
		return r;
	struct snapshot snap = tree.snap;
	if (!tree.beside) {
		r = make_dir(c, "work", &work, err);
		snap.work = work;
	}
	if (r < 0 || (r = make_dir(c, "merged", &merged, err)) < 0)
		return r;
	if ((r = snapshot_mount(&snap, &fd, err)) < 0)
		return r;
	/* noted first: a mount that nobody knows of would be mounted twice */
	container_set_mounted(c, true);
	if ((r = container_save(c, err)) < 0)
		return r;
	if (move_mount(fd, "", merged, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, "cannot mount the container '%s'", c->name);
	return 0;
}

/* What those who ran something in it left to the last of them. */
static void remove_stubs(const struct container *c)
{
	AUTO_FD int work = openat(c->dir, "work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD int merged =
		openat(c->dir, "merged", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (work >= 0 && merged >= 0)
		stubs_remove_noted(work, merged);
}

int container_umount(struct store *s, struct txn *t, struct container *c, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {.upper = -1, .work = -1, .merged = -1};
	AUTO_FREE char *path = container_mount_path(s, c);

	switch (container_mounted(s, c)) {
	case CONTAINER_MOUNTED_ELSEWHERE:
		return err_set(err, ERR_BUSY,
			"the container '%s' is mounted in another mount namespace (an 'unshare' "
			"that is still running)",
			c->name);
	case CONTAINER_NOT_MOUNTED:
		container_set_mounted(c, false);
		return err_set(err, ERR_NOT_FOUND, "the container '%s' is not mounted", c->name);
	case CONTAINER_MOUNTED:
		break;
	}
	remove_stubs(c);
	if (umount2(path, UMOUNT_NOFOLLOW) < 0)
		return err_sys(err, "cannot umount the container '%s'", c->name);
	container_set_mounted(c, false);
	int r = container_save(c, err);
	if (r == 0)
		r = fs_remove_tree(c->dir, "merged", err);
	return r < 0 || !t ? r : container_tree_open(s, t, c, &tree, err);
}

bool container_tree_is_overlay(const struct container *c)
{
	AUTO_FD int merged =
		c->root >= 0 ? -1 : openat(c->dir, "merged", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;

	return fstatfs(c->root >= 0 ? c->root : merged, &fs) == 0 &&
	       fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

/* The kernel's overlay keeps the changeset in the upper directory all the time, and what differs in
 * a copy can be told. */
static bool is_by_fuse(const struct container *c)
{
	AUTO_FD int work = openat(c->dir, "work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return c->config.n_diff_ids && !container_tree_is_overlay(c) &&
	       (work < 0 || !snapshot_copy_used(work));
}

int container_mount_settle(struct store *s, struct txn *t, struct container *c, struct err *err)
{
	if (container_mounted(s, c) != CONTAINER_MOUNTED || !is_by_fuse(c))
		return 0;
	int r = container_umount(s, t, c, err);
	if (r < 0)
		return err_wrap(err,
			"fuse-overlayfs has to end for a moment, and what is open there keeps it");
	return container_mount(s, t, c, err);
}
