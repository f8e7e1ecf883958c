/* SPDX-License-Identifier: Apache-2.0 */
#include "build/inputs.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root.h"
#include "base/xattr.h"
#include "build/cache.h"
#include "build/chmod.h"
#include "build/filetree.h"
#include "build/input_list.h"
#include "build/remote_file.h"
#include "build/selection.h"
#include "build/steps.h"

#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct inputs {
	struct filetree *t;
	const struct step *s;
	struct key k;
	struct buf *list;
	bool mode_matters, owner_matters;
	void *names; /* tsearch(3) tree of files with several names */
	uint64_t n_files; /* that were met */
	struct node **wanted; /* files of a part of a tree */
	size_t n_wanted, cap_wanted;
};

struct name_group {
	dev_t dev;
	ino_t ino;
	const struct node *first;
	uint64_t number; /* of it among all files */
};

static int compare_groups(const void *a, const void *b)
{
	const struct name_group *x = a, *y = b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* What another name of a file that was met is a name of. NULL: it is the first one. What has names
 * elsewhere is here as good as a file of its own: nobody sees them in the image. */
static const struct name_group *met_before(struct inputs *in, const struct node *n)
{
	in->n_files++;
	if (n->st.st_nlink < 2)
		return NULL;
	struct name_group *g = xcalloc(1, sizeof(*g));
	*g = (struct name_group){
		.dev = n->st.st_dev, .ino = n->st.st_ino, .first = n, .number = in->n_files};
	struct name_group **slot = xtsearch(g, &in->names, compare_groups);
	if (*slot == g)
		return NULL;
	free(g);
	return (*slot)->first == n ? NULL : *slot;
}

/* *ret_digest: of the attributes; zero when there are none. */
static int directory_xattrs(
	struct inputs *in, struct node *n, struct digest *ret_digest, struct err *err)
{
	if (filetree_list(in->t, n, err) < 0) /* its content comes next */
		return err->code;
	if (n->no_xattrs) {
		key_u64(&in->k, 0);
		return 0;
	}
	AUTO_FREE char *path = node_path(n);
	AUTO_FD int fd =
		root_open(filetree_rootfd(in->t), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	AUTO_XATTRS struct xattrs x = {0};
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	if (filetree_xattrs(in->t, fd, &x, err) < 0)
		return err->code;
	if (!x.n) {
		key_u64(&in->k, 0);
		return 0;
	}
	struct key k;
	key_init(&k, "xattrs");
	for (size_t i = 0; i < x.n; i++) {
		key_str(&k, x.x[i].name);
		key_bytes(&k, x.x[i].value, x.x[i].len);
	}
	*ret_digest = key_final(&k);
	key_u64(&in->k, 1);
	key_digest(&in->k, ret_digest);
	return 0;
}

static int node_xattrs(
	const struct filetree *t, const char *path, struct xattrs *ret, struct err *err)
{
	AUTO_FD int fd = root_open(filetree_rootfd(t), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	return fd < 0 ? err_sys(err, "cannot open '%s'", path) : filetree_xattrs(t, fd, ret, err);
}

static void list_thing(struct inputs *in, const struct node *n, const struct digest *content,
	const struct node *as)
{
	if (!in->list)
		return;
	AUTO_FREE char *path = node_path(n), *first = as ? node_path(as) : NULL;
	AUTO_XATTRS struct xattrs x = {0};
	struct err ignored = ERR_INIT;
	if (S_ISREG(n->st.st_mode) && n->has_xattrs && node_xattrs(in->t, path, &x, &ignored) < 0)
		log_debug("list of inputs: %s", ignored.msg);
	input_list_add(in->list, &(struct input_item){.path = path,
					 .mode = n->st.st_mode,
					 .has_perm = in->mode_matters,
					 .has_owner = in->owner_matters,
					 .uid = n->st.st_uid,
					 .gid = n->st.st_gid,
					 .first = first,
					 .xattrs = &x,
					 .content = content,
					 .link = S_ISLNK(n->st.st_mode) ? n->link : NULL});
}

/* One thing but for its name and what lies below it. */
static int feed_node(struct inputs *in, struct node *n, struct err *err)
{
	mode_t mode = n->st.st_mode;
	key_u64(&in->k, in->mode_matters ? mode : mode & S_IFMT);
	if (in->owner_matters) {
		key_u64(&in->k, n->st.st_uid);
		key_u64(&in->k, n->st.st_gid);
	}
	struct digest content = {0};
	const struct name_group *group = NULL;
	if (S_ISREG(mode)) {
		content = n->digest;
		group = met_before(in, n);
		key_digest(&in->k, &content);
		key_u64(&in->k, (uint64_t)n->st.st_size);
		key_u64(&in->k, group ? group->number : 0);
	} else if (S_ISLNK(mode)) {
		key_str(&in->k, n->link);
	} else if (S_ISDIR(mode)) {
		if (directory_xattrs(in, n, &content, err) < 0)
			return err->code;
	} else {
		key_u64(&in->k, n->st.st_rdev);
	}
	list_thing(in, n, &content, group ? group->first : NULL);
	return 0;
}

static int feed_named(void *arg, struct node *n, struct err *err)
{
	struct inputs *in = arg;
	key_str(&in->k, n->name);
	return feed_node(in, n, err);
}

static int feed_end(void *arg, struct node *n, struct err *err)
{
	struct inputs *in = arg;
	(void)n;
	(void)err;
	key_str(&in->k, NULL);
	return 0;
}

static int collect(void *arg, struct node *n, struct err *err)
{
	struct inputs *in = arg;
	(void)err;
	if (in->n_wanted == in->cap_wanted) {
		in->cap_wanted = in->cap_wanted ? 2 * in->cap_wanted : 64;
		in->wanted = xreallocarray(in->wanted, in->cap_wanted, sizeof(*in->wanted));
	}
	in->wanted[in->n_wanted++] = n;
	return 0;
}

/* Only what is taken is read. */
static int hash_taken(
	struct inputs *in, const struct selection *sel, struct node *top, struct err *err)
{
	if (!S_ISDIR(top->st.st_mode) || selection_takes_all(sel))
		return filetree_hash(in->t, &top, 1, err);
	const struct walk w = {.met = collect, .arg = in};
	in->n_wanted = 0;
	if (selection_walk(sel, in->t, top, &w, NULL, err) < 0)
		return err->code;
	return filetree_hash(in->t, in->wanted, in->n_wanted, err);
}

/* *ret_n: how many things it is. */
static int feed_top(struct inputs *in, const struct selection *sel, struct node *n,
	const char *path, size_t *ret_n, struct err *err)
{
	if (hash_taken(in, sel, n, err) < 0)
		return err->code;
	*ret_n = 1;
	key_str(&in->k, S_ISDIR(n->st.st_mode) ? NULL : path_base(path));
	if (!S_ISDIR(n->st.st_mode))
		return feed_node(in, n, err);
	/* of the directory itself nothing is copied */
	const struct walk w = {
		.enter = feed_named, .leave = feed_end, .met = feed_named, .arg = in};
	if (selection_walk(sel, in->t, n, &w, ret_n, err) < 0)
		return err->code;
	return feed_end(in, n, err);
}

static int feed_source(struct inputs *in, const char *source, struct err *err)
{
	AUTO_SELECTION struct selection sel = {0};
	struct match *m = NULL;
	size_t n = 0, taken = 0;
	if (selection_init(&sel, source, in->s->parents, &in->s->excludes, err) < 0 ||
		filetree_glob(in->t, sel.root, &m, &n, err) < 0)
		return err->code;
	key_u64(&in->k, n);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct node *node;
		size_t things = 0;
		/* what a source names is followed, what lies below it is not */
		rc = filetree_follow(in->t, &m[i], &node, err);
		if (rc == 0)
			rc = feed_top(in, &sel, node, m[i].path, &things, err);
		taken += things;
	}
	if (rc == 0 && (in->s->parents ? !taken : !n))
		rc = selection_nothing(&sel, in->t, source, in->s->parents, err);
	matches_free(m, n);
	return rc;
}

int inputs_digest(struct filetree *t, const struct step *s, struct digest *ret, struct buf *list,
	struct err *err)
{
	struct chmod mode;
	struct inputs in = {.t = t, .s = s, .list = list};
	in.mode_matters = !s->chmod || !chmod_parse(s->chmod, &mode) || !mode.octal;
	in.owner_matters = !s->chown;
	key_init(&in.k, "inputs");
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < s->sources.n; i++) {
		const struct remote_file *f = i < s->n_remote ? s->remote[i] : NULL;
		if (!f) {
			rc = feed_source(&in, s->sources.v[i], err);
			continue;
		}
		key_str(&in.k, f->name);
		key_digest(&in.k, &f->digest);
	}
	*ret = key_final(&in.k);
	tdestroy(in.names, free);
	free(in.wanted);
	return rc;
}
