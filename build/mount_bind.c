/* SPDX-License-Identifier: Apache-2.0 */
/* Where the files of a mount come from: layers, the context, nowhere. */
#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/root.h"
#include "base/xattr.h"
#include "build/mount_setup_internal.h"
#include "build/stage_run.h"
#include "layers/label.h"
#include "layers/snapshot.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int mount_make_dir(struct build *b, struct mount_item *it, struct err *err)
{
	return txn_mkdir(b->txn, "mount", &it->made, &it->made_fd, err);
}

/* A tree that can be written to, without a trace. below: "" or a path in it. */
static int discarding(struct build *b, struct mount_item *it, const int *lowers, size_t n,
	const char *below, struct err *err)
{
	struct stat st;
	AUTO_FREE char *upper = NULL, *work = NULL;
	AUTO_FD int upper_fd = -1, work_fd = -1;
	bool writable = !it->m->o.read_only || (n == 1 && label_files());
	if ((n > 1 || writable) && txn_mkdir(b->txn, "work", &work, &work_fd, err) < 0)
		return err->code;
	if (writable) {
		if (txn_mkdir(b->txn, "discard", &upper, &upper_fd, err) < 0)
			return err->code;
		if (owner_stat(lowers[0], &st) < 0 ||
			owner_set(upper_fd, st.st_uid, st.st_gid) < 0 ||
			fchmod(upper_fd, st.st_mode & 07777) < 0)
			return err_sys(err, "cannot prepare a writable mount");
	}
	struct snapshot snap = {.lower = lowers,
		.n_lower = n,
		.upper = upper_fd,
		.work = work_fd,
		.foreign = it->m->from == MOUNT_FROM_CONTEXT,
		.ids = run_spec_ids(&b->o->box)};
	it->run.below = below;
	it->discarded[0] = take_fd(&upper_fd);
	it->discarded[1] = take_fd(&work_fd);
	return snapshot_mount(&snap, &it->fd, err);
}

/* The layers of another stage or image. */
static int open_layers(struct build *b, const struct step_mount *m, struct chain *own,
	int **ret_fds, size_t *ret_n, struct err *err)
{
	const struct chain *c = own;
	if (m->from == MOUNT_FROM_STAGE)
		c = &b->runs[m->from_stage].chain;
	else
		chain_of_image(b, &b->images[m->from_image].image, own);
	*ret_n = c->n;
	return chain_open(b, c, ret_fds, err);
}

static int no_such_file(const struct step_mount *m, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "--mount: no such file or directory: '/%s' in %s",
		m->source, m->o.from ? m->o.from : "the context");
}

static int check_below(const struct mount_item *it, int root, struct err *err)
{
	AUTO_FD int fd = root_open(root, *it->m->source ? it->m->source : "/", O_PATH, 0);
	if (fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENOTDIR)
		return no_such_file(it->m, err);
	return err_sys(err, "--mount: cannot open '/%s' in %s", it->m->source, it->m->o.from);
}

static int empty_dir(struct build *b, struct mount_item *it, struct err *err)
{
	if (*it->m->source)
		return no_such_file(it->m, err);
	if (mount_make_dir(b, it, err) < 0)
		return err->code;
	it->fd = fcntl(it->made_fd, F_DUPFD_CLOEXEC, 3);
	return it->fd < 0 ? err_sys(err, "cannot make an empty directory") : 0;
}

static int bind_layers(struct build *b, struct mount_item *it, struct err *err)
{
	struct chain own = {0};
	AUTO_FREE int *fds = NULL;
	size_t n = 0;
	int r = open_layers(b, it->m, &own, &fds, &n, err);
	if (r == 0 && n == 0)
		r = empty_dir(b, it, err);
	else if (r == 0)
		r = discarding(b, it, fds, n, it->m->source, err);
	if (r == 0 && n > 0)
		r = check_below(it, it->fd, err);
	chain_done(&own);
	return r;
}

/* Can the context's own files be shown? Nothing of them is hidden, all are root's, and they have no
 * attribute that is not in the step's key. The node is dir/name. */
static int is_plain(
	struct filetree *t, struct node *n, int dir, const char *name, bool *ret, struct err *err)
{
	struct stat st;
	*ret = false;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot read '%s'", name);
	if (n->ignored || st.st_uid || st.st_gid || S_ISSOCK(st.st_mode))
		return 0;
	if (xattrs_are_plain(dir, name, ret, err) < 0)
		return err->code;
	if (!*ret || !S_ISDIR(n->st.st_mode))
		return 0;
	AUTO_FD int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", name);
	if (filetree_list(t, n, err) < 0)
		return err->code;
	for (size_t i = 0; *ret && i < n->n_children; i++)
		if (is_plain(t, n->children[i], fd, n->children[i]->name, ret, err) < 0)
			return err->code;
	return 0;
}

static int node_is_plain(struct filetree *t, struct node *n, bool *ret, struct err *err)
{
	AUTO_FREE char *path = n->parent ? node_path(n->parent) : xstrdup("");
	AUTO_FD int dir =
		root_open_nofollow(filetree_rootfd(t), *path ? path : "/", O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return err_sys(err, "cannot open '%s'", path);
	return is_plain(t, n, dir, n->parent ? n->name : ".", ret, err);
}

static int copy_later(struct build *b, struct mount_item *it, struct filetree *t,
	const struct node *n, struct err *err)
{
	it->tree = t;
	it->path = node_path(n);
	it->is_dir = S_ISDIR(n->st.st_mode);
	if (mount_make_dir(b, it, err) < 0)
		return err->code;
	const struct timespec times[2] = {n->st.st_atim, n->st.st_mtim};
	if (it->is_dir && (owner_set(it->made_fd, n->st.st_uid, n->st.st_gid) < 0 ||
				  fchmod(it->made_fd, n->st.st_mode & 07777) < 0 ||
				  futimens(it->made_fd, times) < 0))
		return err_sys(err, "cannot prepare a copy for a mount");
	return 0;
}

static int bind_context(struct build *b, struct mount_item *it, struct err *err)
{
	struct node *n;
	bool plain;
	if (filetree_lookup(b->context, it->m->source, true, &n, err) < 0)
		return err->code;
	if (!n)
		return no_such_file(it->m, err);
	if (node_is_plain(b->context, n, &plain, err) < 0)
		return err->code;
	if (!plain || ((!it->m->o.read_only || label_files()) && !S_ISDIR(n->st.st_mode)))
		return copy_later(b, it, b->context, n, err);
	AUTO_FREE char *path = node_path(n);
	AUTO_FD int fd = root_open_nofollow(b->context_fd, *path ? path : "/", O_PATH, 0);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	/* a mount of its own can have the label of the step, the user's files keep theirs */
	if (!it->m->o.read_only || (label_files() && S_ISDIR(n->st.st_mode)))
		return discarding(b, it, &fd, 1, "", err);
	it->fd = take_fd(&fd);
	return 0;
}

int mount_bind_open(struct build *b, struct mount_item *it, struct err *err)
{
	it->run.kind = RUN_MOUNT_BIND;
	switch (it->m->from) {
	case MOUNT_FROM_CONTEXT:
		return bind_context(b, it, err);
	case MOUNT_FROM_STAGE:
	case MOUNT_FROM_IMAGE:
		return bind_layers(b, it, err);
	case MOUNT_FROM_NOTHING:
		return empty_dir(b, it, err);
	}
	return 0;
}

/* Of another stage or image: its root in tree_fd, none when nothing is in it. */
static int open_seed_tree(struct build *b, struct mount_item *it, struct err *err)
{
	struct chain own = {0};
	AUTO_FREE int *fds = NULL;
	AUTO_FREE char *work_name = NULL;
	AUTO_FD int work = -1;
	struct snapshot snap = {.upper = -1};
	int r = open_layers(b, it->m, &own, &fds, &snap.n_lower, err);
	snap.lower = fds;
	if (r == 0 && snap.n_lower > 1)
		r = txn_mkdir(b->txn, "work", &work_name, &work, err);
	snap.work = work;
	if (r == 0 && snap.n_lower > 0)
		r = snapshot_mount(&snap, &it->tree_fd, err);
	chain_done(&own);
	return r;
}

int mount_seed_open(struct build *b, struct mount_item *it, struct err *err)
{
	struct filetree *t = b->context;
	struct node *n;
	if (it->m->from != MOUNT_FROM_CONTEXT) {
		if (open_seed_tree(b, it, err) < 0)
			return err->code;
		if (it->tree_fd < 0)
			return *it->m->source ? no_such_file(it->m, err)
			                      : mount_make_dir(b, it, err);
		t = filetree_new(it->tree_fd, NULL, NULL, 0);
		it->own_tree = true;
		it->tree = t;
	}
	if (filetree_lookup(t, it->m->source, true, &n, err) < 0)
		return err->code;
	if (!n)
		return no_such_file(it->m, err);
	if (!S_ISDIR(n->st.st_mode))
		return err_set(err, ERR_INVALID,
			"--mount: '/%s' is not a directory: it cannot start a cache",
			it->m->source);
	return copy_later(b, it, t, n, err);
}
