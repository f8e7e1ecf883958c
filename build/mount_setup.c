/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mount_setup.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/root.h"
#include "build/cache.h"
#include "build/cache_mount.h"
#include "build/copy.h"
#include "build/inputs.h"
#include "build/ssh_forward.h"
#include "build/stage_run.h"
#include "layers/snapshot.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct item {
	const struct step_mount *m;
	struct run_mount run; /* its target and below are borrowed from m */
	int fd; /* what run.source is */

	/* files that are copied before the step */
	struct filetree *tree; /* NULL: nothing is */
	bool own_tree;
	int tree_fd; /* its root, when it is ours */
	char *path; /* what of it, links resolved */
	bool is_dir;
	char *made; /* a directory of the transaction that is filled, or is to be a cache */
	int made_fd;

	struct cache_mount cache;
	struct job forward; /* ssh */
};

struct mount_setup {
	struct build *b;
	const struct step *s;
	struct item *items; /* one for each mount of the step */
	size_t n;
	size_t *locks; /* indexes of the caches to be locked, in the order of their names */
	size_t n_locks;
	struct run_mount *runs;
	char *script; /* target of the here-document */
};

/* --- what the step depends on ------------------------------------------------------------------
 */

static bool uses_stage(const struct step_mount *m)
{
	return (m->o.type == MOUNT_BIND || m->o.type == MOUNT_CACHE) && m->from == MOUNT_FROM_STAGE;
}

static bool has_input(const struct step_mount *m)
{
	return (m->o.type == MOUNT_BIND || m->o.type == MOUNT_CACHE) &&
	       m->from != MOUNT_FROM_NOTHING;
}

bool mounts_ready(const struct build *b, const struct step *s)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (uses_stage(&s->mounts[i]) &&
			b->runs[s->mounts[i].from_stage].state != STAGE_DONE)
			return false;
	return true;
}

bool mounts_have_inputs(const struct step *s)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (has_input(&s->mounts[i]))
			return true;
	return false;
}

/* The name as a source of COPY, where some characters mean more. */
static char *as_pattern(const char *path)
{
	AUTO_BUF struct buf p = BUF_INIT(2 * strlen(path) + 2);
	if (!*path)
		return xstrdup(".");
	for (; *path; path++) {
		if (strchr("*?[\\", *path))
			buf_addch(&p, '\\');
		buf_addch(&p, *path);
	}
	return buf_take(&p);
}

static int context_digest(
	struct build *b, const struct step_mount *m, struct digest *ret, struct err *err)
{
	AUTO_FREE char *pattern = as_pattern(m->source);
	struct step copy = {.kind = STEP_COPY};
	strv_add(&copy.sources, pattern);
	int r = inputs_digest(b->context, &copy, ret, err);
	strv_done(&copy.sources);
	return r;
}

static int input_digest(
	struct build *b, const struct step_mount *m, struct digest *ret, struct err *err)
{
	if (m->from == MOUNT_FROM_CONTEXT)
		return context_digest(b, m, ret, err);
	*ret = m->from == MOUNT_FROM_STAGE ? b->runs[m->from_stage].key
	                                   : image_key(&b->images[m->from_image].image);
	return 0;
}

int mounts_digest(struct build *b, const struct step *s, struct digest *ret, struct err *err)
{
	struct key k;
	key_init(&k, "mounts");
	for (size_t i = 0; i < s->n_mounts; i++) {
		struct digest d;
		if (!has_input(&s->mounts[i]))
			continue;
		if (input_digest(b, &s->mounts[i], &d, err) < 0)
			return err->code;
		key_digest(&k, &d);
	}
	*ret = key_final(&k);
	return 0;
}

/* --- sources -----------------------------------------------------------------------------------
 */

static int make_dir(struct build *b, struct item *it, struct err *err)
{
	return txn_mkdir(b->txn, "mount", &it->made, &it->made_fd, err);
}

/* A tree that can be written to, without a trace. below: "" or a path in it. */
static int discarding(struct build *b, struct item *it, const int *lowers, size_t n,
	const char *below, struct err *err)
{
	struct stat st;
	AUTO_FREE char *upper = NULL, *work = NULL;
	AUTO_FD int upper_fd = -1, work_fd = -1;
	if (!it->m->o.read_only) {
		if (txn_mkdir(b->txn, "discard", &upper, &upper_fd, err) < 0 ||
			txn_mkdir(b->txn, "work", &work, &work_fd, err) < 0)
			return err->code;
		if (fstat(lowers[0], &st) < 0 || fchown(upper_fd, st.st_uid, st.st_gid) < 0 ||
			fchmod(upper_fd, st.st_mode & 07777) < 0)
			return err_sys(err, "cannot prepare a writable mount");
	}
	struct snapshot snap = {.lower = lowers, .n_lower = n, .upper = upper_fd, .work = work_fd};
	it->run.below = below;
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
	return err_set(err, ERR_NOT_FOUND, "--mount: no file '/%s' in %s", m->source,
		m->o.from ? m->o.from : "the context");
}

static int check_below(const struct item *it, int root, struct err *err)
{
	AUTO_FD int fd = root_open(root, *it->m->source ? it->m->source : "/", O_PATH, 0);
	if (fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENOTDIR)
		return no_such_file(it->m, err);
	return err_sys(err, "--mount: cannot open '/%s' in %s", it->m->source, it->m->o.from);
}

static int empty_dir(struct build *b, struct item *it, struct err *err)
{
	if (*it->m->source)
		return no_such_file(it->m, err);
	if (make_dir(b, it, err) < 0)
		return err->code;
	it->fd = fcntl(it->made_fd, F_DUPFD_CLOEXEC, 3);
	return it->fd < 0 ? err_sys(err, "cannot make an empty directory") : 0;
}

static int bind_layers(struct build *b, struct item *it, struct err *err)
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

/* Can the context's own files be shown, since nothing of them is hidden and all are root's? */
static int is_plain(struct filetree *t, struct node *n, bool *ret, struct err *err)
{
	struct stat st;
	AUTO_FREE char *path = node_path(n);
	*ret = false;
	if (root_lstat(filetree_rootfd(t), *path ? path : "/", &st) < 0)
		return err_sys(err, "cannot read '%s'", path);
	if (n->ignored || st.st_uid || st.st_gid || S_ISSOCK(st.st_mode))
		return 0;
	*ret = true;
	if (!S_ISDIR(n->st.st_mode))
		return 0;
	if (filetree_list(t, n, err) < 0)
		return err->code;
	for (size_t i = 0; *ret && i < n->n_children; i++)
		if (is_plain(t, n->children[i], ret, err) < 0)
			return err->code;
	return 0;
}

static int copy_later(
	struct build *b, struct item *it, struct filetree *t, const struct node *n, struct err *err)
{
	it->tree = t;
	it->path = node_path(n);
	it->is_dir = S_ISDIR(n->st.st_mode);
	if (make_dir(b, it, err) < 0)
		return err->code;
	const struct timespec times[2] = {n->st.st_atim, n->st.st_mtim};
	if (it->is_dir && (fchown(it->made_fd, n->st.st_uid, n->st.st_gid) < 0 ||
				  fchmod(it->made_fd, n->st.st_mode & 07777) < 0 ||
				  futimens(it->made_fd, times) < 0))
		return err_sys(err, "cannot prepare a copy for a mount");
	return 0;
}

static int bind_context(struct build *b, struct item *it, struct err *err)
{
	struct node *n;
	bool plain;
	if (filetree_lookup(b->context, it->m->source, true, &n, err) < 0)
		return err->code;
	if (!n)
		return no_such_file(it->m, err);
	if (is_plain(b->context, n, &plain, err) < 0)
		return err->code;
	if (!plain || (!it->m->o.read_only && !S_ISDIR(n->st.st_mode)))
		return copy_later(b, it, b->context, n, err);
	AUTO_FREE char *path = node_path(n);
	AUTO_FD int fd = root_open_nofollow(b->context_fd, *path ? path : "/", O_PATH, 0);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	if (!it->m->o.read_only)
		return discarding(b, it, &fd, 1, "", err);
	it->fd = take_fd(&fd);
	return 0;
}

static int bind(struct build *b, struct item *it, struct err *err)
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

/* --- caches ------------------------------------------------------------------------------------
 */

/* What fills it at first. */
static int seed_cache(struct build *b, struct item *it, struct err *err)
{
	struct filetree *t = b->context;
	struct node *n;
	if (it->m->from != MOUNT_FROM_CONTEXT) {
		struct chain own = {0};
		AUTO_FREE int *fds = NULL;
		struct snapshot snap = {.upper = -1, .work = -1};
		int r = open_layers(b, it->m, &own, &fds, &snap.n_lower, err);
		snap.lower = fds;
		if (r == 0 && snap.n_lower == 0)
			r = no_such_file(it->m, err);
		if (r == 0)
			r = snapshot_mount(&snap, &it->tree_fd, err);
		chain_done(&own);
		if (r < 0)
			return r;
		t = filetree_new(it->tree_fd, NULL, NULL, false);
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

static int shape_cache(const struct item *it, bool seeded, struct err *err)
{
	const struct mount_opts *o = &it->m->o;
	if (!seeded && *it->m->source)
		return 0;
	if (((o->has_uid || o->has_gid) && fchown(it->made_fd, o->has_uid ? o->uid : (uid_t)-1,
						   o->has_gid ? o->gid : (gid_t)-1) < 0) ||
		(o->has_mode && fchmod(it->made_fd, o->mode) < 0))
		return err_sys(
			err, "cannot give the cache mount '%s' its owner and mode", it->m->target);
	return 0;
}

/* The first item with the same cache: it has the lock. */
static struct item *cache_holder(const struct mount_setup *s, struct item *it)
{
	struct item *c = s->items;
	while (c < it && !streq(c->cache.name, it->cache.name))
		c++;
	return c;
}

static int name_cache(struct mount_setup *s, struct item *it, struct err *err)
{
	struct digest from;
	bool seeded = has_input(it->m);
	if (seeded && input_digest(s->b, it->m, &from, err) < 0)
		return err->code;
	it->run.kind = RUN_MOUNT_BIND;
	it->cache.sharing = it->m->o.sharing;
	cache_mount_name(it->m, seeded ? &from : NULL, it->cache.name);
	struct item *holder = cache_holder(s, it);
	if (holder == it)
		s->locks[s->n_locks++] = (size_t)(it - s->items);
	else if (it->cache.sharing != MOUNT_SHARED)
		holder->cache.sharing = it->cache.sharing;
	return 0;
}

static int open_cache(
	struct mount_setup *s, struct item *it, bool wait_order, bool fresh, struct err *err)
{
	const struct mount_opts *o = &it->m->o;
	bool seeded = has_input(it->m);
	bool shaped = (o->has_mode || o->has_uid || o->has_gid) && !*it->m->source;
	if (cache_mount_open(s->b, &it->cache, wait_order, fresh && (seeded || shaped), err) < 0)
		return err->code;
	if (it->cache.exists)
		return 0;
	return seeded ? seed_cache(s->b, it, err) : make_dir(s->b, it, err);
}

/* In one order for everybody, so that two steps never wait for each other. */
static void sort_locks(struct mount_setup *s)
{
	for (size_t i = 1; i < s->n_locks; i++)
		for (size_t k = i; k > 0 && strcmp(s->items[s->locks[k - 1]].cache.name,
						    s->items[s->locks[k]].cache.name) > 0;
			k--) {
			size_t t = s->locks[k];
			s->locks[k] = s->locks[k - 1];
			s->locks[k - 1] = t;
		}
}

static int open_caches(struct mount_setup *s, bool fresh, struct err *err)
{
	bool wait_order = false;
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].m->o.type == MOUNT_CACHE && name_cache(s, &s->items[i], err) < 0)
			return err->code;
	sort_locks(s);
	for (size_t i = 0; i < s->n_locks; i++) {
		struct item *it = &s->items[s->locks[i]];
		if (open_cache(s, it, wait_order, fresh, err) < 0)
			return err->code;
		wait_order = wait_order || !it->cache.locked;
	}
	return 0;
}

static int finish_cache(struct mount_setup *s, struct item *it, struct err *err)
{
	const struct item *holder = cache_holder(s, it);
	bool seeded = has_input(it->m);
	if (it->made && shape_cache(it, seeded, err) < 0)
		return err->code;
	AUTO_FD int dir = -1;
	if (cache_mount_get(s->b, &holder->cache, it->made, &dir, err) < 0)
		return err->code;
	/* whoever shares the cache may have put a link there: it leads nowhere else, and what was
	 * opened is what is mounted (CVE-2024-23651) */
	it->fd = seeded ? take_fd(&dir)
	                : root_open(dir, *it->m->source ? it->m->source : "/", O_PATH, 0);
	if (it->fd < 0)
		return err_sys(
			err, "cannot open '%s' in the cache mount '%s'", it->m->source, it->m->id);
	return 0;
}

/* --- all of them -------------------------------------------------------------------------------
 */

static void set_secret(struct build *b, struct item *it)
{
	const struct mount_opts *o = &it->m->o;
	const struct secret *s = secrets_find(&b->secrets, it->m->id);
	it->run.kind = RUN_MOUNT_FILE;
	it->run.data = s->data;
	it->run.len = s->len;
	it->run.mode = o->has_mode ? o->mode : 0400;
	it->run.uid = o->has_uid ? o->uid : 0;
	it->run.gid = o->has_gid ? o->gid : 0;
}

static int set_ssh(struct build *b, struct item *it, struct err *err)
{
	const struct mount_opts *o = &it->m->o;
	const struct ssh_source *agent = secrets_find_ssh(&b->secrets, it->m->id);
	it->run.kind = RUN_MOUNT_BIND;
	it->run.read_only = false; /* nothing can be connected to where writing is not allowed */
	if (make_dir(b, it, err) < 0)
		return err->code;
	return ssh_forward_start(agent->socket, it->made_fd, o->has_mode ? o->mode : 0600,
		o->has_uid ? o->uid : 0, o->has_gid ? o->gid : 0, &it->forward, &it->fd, err);
}

static int item_open(struct mount_setup *s, struct item *it, struct err *err)
{
	switch (it->m->o.type) {
	case MOUNT_BIND:
		return bind(s->b, it, err);
	case MOUNT_CACHE:
		return 0; /* open_caches() */
	case MOUNT_TMPFS:
		it->run.kind = RUN_MOUNT_TMPFS;
		it->run.size = it->m->o.size;
		it->run.mode = it->m->o.has_mode ? it->m->o.mode : 0;
		return 0;
	case MOUNT_SECRET:
		set_secret(s->b, it);
		return 0;
	case MOUNT_SSH:
		return set_ssh(s->b, it, err);
	}
	return 0;
}

int mount_setup_new(struct build *b, const struct step *s, bool fresh, struct mount_setup **ret,
	struct err *err)
{
	struct mount_setup *m = xcalloc(1, sizeof(*m));
	*m = (struct mount_setup){.b = b, .s = s, .n = s->n_mounts};
	m->items = xcalloc(m->n + 1, sizeof(*m->items));
	m->locks = xcalloc(m->n + 1, sizeof(*m->locks));
	m->runs = xcalloc(m->n + 1, sizeof(*m->runs));
	if (s->script)
		m->script = xasprintf("/dev/pipes/%s", s->script->name);
	for (size_t i = 0; i < m->n; i++)
		m->items[i] = (struct item){
			.m = &s->mounts[i],
			.run = {.source = -1,
				.target = s->mounts[i].target,
				.read_only = s->mounts[i].o.read_only},
			.fd = -1,
			.tree_fd = -1,
			.made_fd = -1,
			.cache = CACHE_MOUNT_INIT,
		};
	int r = open_caches(m, fresh, err);
	for (size_t i = 0; r == 0 && i < m->n; i++)
		r = item_open(m, &m->items[i], err);
	if (r == 0)
		*ret = m;
	else
		mount_setup_free(m);
	return r;
}

bool mount_setup_waits(const struct mount_setup *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].tree || (m->items[i].cache.lock >= 0 && !m->items[i].cache.locked))
			return true;
	return false;
}

static int copy_item(const struct item *it, struct err *err)
{
	AUTO_FREE char *pattern = as_pattern(it->path);
	struct step copy = {.kind = STEP_COPY, .dest = (char[]){"/"}};
	strv_add(&copy.sources, pattern);
	struct copy_work w = {.step = &copy, .source = it->tree, .root = it->made_fd};
	int r = copy_run(&w, err);
	strv_done(&copy.sources);
	return r;
}

int mount_setup_job(void *arg, struct buf *out, struct err *err)
{
	const struct mount_setup *m = arg;
	(void)out;
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].tree && copy_item(&m->items[i], err) < 0)
			return err->code;
	for (size_t i = 0; i < m->n_locks; i++) {
		const struct cache_mount *c = &m->items[m->locks[i]].cache;
		if (!c->locked && cache_mount_wait(c, err) < 0)
			return err->code;
	}
	return 0;
}

/* What was copied, or is in the cache. */
static int item_finish(struct mount_setup *s, struct item *it, struct err *err)
{
	if (it->m->o.type == MOUNT_CACHE)
		return finish_cache(s, it, err);
	if (!it->tree)
		return 0;
	it->fd = root_open_nofollow(it->made_fd, it->is_dir ? "/" : path_base(it->path), O_PATH, 0);
	return it->fd < 0 ? err_sys(err, "cannot open a copy for a mount") : 0;
}

int mount_setup_finish(
	struct mount_setup *m, struct map *env, struct run_spec *spec, struct err *err)
{
	size_t n = 0;
	bool has_agent = map_has(env, "SSH_AUTH_SOCK");
	for (size_t i = 0; i < m->n; i++) {
		struct item *it = &m->items[i];
		const struct step_mount *sm = it->m;
		if (item_finish(m, it, err) < 0)
			return err->code;
		if (sm->o.env)
			map_set(env, sm->o.env, secrets_find(&m->b->secrets, sm->id)->data);
		if (sm->o.type == MOUNT_SSH && !has_agent) {
			map_set(env, "SSH_AUTH_SOCK", sm->target);
			has_agent = true;
		}
		if (!sm->target)
			continue;
		it->run.source = it->fd;
		m->runs[n++] = it->run;
	}
	if (m->script)
		m->runs[n++] = (struct run_mount){.kind = RUN_MOUNT_FILE,
			.target = m->script,
			.data = m->s->script->content,
			.len = m->s->script->len,
			.mode = 0755,
			.read_only = true};
	spec->mounts = m->runs;
	spec->n_mounts = n;
	return 0;
}

void mount_setup_free(struct mount_setup *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		struct item *it = &m->items[i];
		job_cancel(&it->forward);
		cache_mount_done(&it->cache);
		if (it->own_tree)
			filetree_free(it->tree);
		mem_close_p(&it->tree_fd);
		mem_close_p(&it->fd);
		mem_close_p(&it->made_fd);
		free(it->path);
		free(it->made);
	}
	free(m->items);
	free(m->locks);
	free(m->runs);
	free(m->script);
	free(m);
}
