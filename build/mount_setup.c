/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mount_setup.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/root.h"
#include "build/copy.h"
#include "build/mount_setup_internal.h"
#include "build/ssh_forward.h"
#include "build/stage_run.h"
#include "build/step_watch.h"
#include "build/volume.h"
#include "store/cache_limits.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mount_setup {
	struct build *b;
	const struct step *s;
	struct mount_item *items; /* one for each mount of the step */
	size_t n;
	size_t *locks; /* indexes of the caches to be locked, in the order of their names */
	size_t n_locks;
	struct run_mount *runs;
	struct volumes volumes;
	char *script; /* target of the here-document */
};

/* --- caches --- */

/* As BuildKit has it: a cache with an owner or a mode is made with them, and so begins empty,
 * whatever it is from; a part of one is as it is. */
static bool is_shaped(const struct step_mount *m)
{
	return (m->o.has_mode || m->o.has_uid || m->o.has_gid) && !*m->source;
}

static int shape_cache(const struct mount_item *it, struct err *err)
{
	const struct mount_opts *o = &it->m->o;
	if (!is_shaped(it->m))
		return 0;
	if (((o->has_uid || o->has_gid) && owner_set(it->made_fd, o->has_uid ? o->uid : (uid_t)-1,
						   o->has_gid ? o->gid : (gid_t)-1) < 0) ||
		(o->has_mode && fchmod(it->made_fd, o->mode) < 0))
		return err_sys(
			err, "cannot give the cache mount '%s' its owner and mode", it->m->target);
	return 0;
}

/* The first item with the same cache: it has the lock. */
static struct mount_item *cache_holder(const struct mount_setup *s, struct mount_item *it)
{
	struct mount_item *c = s->items;
	while (c < it && !streq(c->cache.name, it->cache.name))
		c++;
	return c;
}

/* What a cache is filled with, by content: its name must be the same in every build. A stage of
 * this build is waited for. */
static int seed_digest(
	struct build *b, const struct step_mount *m, struct digest *ret, struct err *err)
{
	bool known;
	int rc = mount_input_digest(b, m, TREE_CONTENT, ret, &known, err);
	if (rc < 0 || known)
		return rc;
	const struct chain *c = &b->runs[m->from_stage].chain;
	for (size_t i = 0; i < c->n; i++)
		if (link_commit_finish(b, c->l[i], true, err) < 0)
			return err->code;
	return mount_input_digest(b, m, TREE_CONTENT, ret, &known, err);
}

static int name_cache(struct mount_setup *s, struct mount_item *it, struct err *err)
{
	struct digest from;
	bool seeded = mount_has_input(it->m);
	if (seeded && seed_digest(s->b, it->m, &from, err) < 0)
		return err->code;
	it->run.kind = RUN_MOUNT_BIND;
	it->cache.sharing = it->m->o.sharing;
	cache_mount_name(it->m, seeded ? &from : NULL, it->cache.name);
	struct mount_item *holder = cache_holder(s, it);
	if (holder == it)
		s->locks[s->n_locks++] = (size_t)(it - s->items);
	else if (it->cache.sharing != MOUNT_SHARED)
		holder->cache.sharing = it->cache.sharing;
	return 0;
}

static int open_cache(
	struct mount_setup *s, struct mount_item *it, bool wait_order, bool fresh, struct err *err)
{
	bool seeded = mount_has_input(it->m), shaped = is_shaped(it->m);
	/* once a build */
	bool empty = fresh && (seeded || shaped) && !strv_has(&s->b->fresh_caches, it->cache.name);
	if (cache_mount_open(
		    s->b->store, s->b->txn, &it->cache, it->m->id, wait_order, empty, err) < 0)
		return err->code;
	if (empty && it->cache.locked)
		strv_add(&s->b->fresh_caches, it->cache.name);
	if (it->cache.exists)
		return 0;
	return seeded && !shaped ? mount_seed_open(s->b, it, err) : mount_make_dir(s->b, it, err);
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
		struct mount_item *it = &s->items[s->locks[i]];
		if (open_cache(s, it, wait_order, fresh, err) < 0)
			return err->code;
		wait_order = wait_order || !it->cache.locked;
	}
	return 0;
}

static int finish_cache(struct mount_setup *s, struct mount_item *it, struct err *err)
{
	const struct mount_item *holder = cache_holder(s, it);
	bool seeded = mount_has_input(it->m);
	if (it->made && shape_cache(it, err) < 0)
		return err->code;
	AUTO_FD int dir = -1;
	if (cache_mount_get(s->b->txn, &holder->cache, it->made, &dir, err) < 0)
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

/* --- all of them --- */

static void set_secret(struct build *b, struct mount_item *it)
{
	const struct mount_opts *o = &it->m->o;
	const struct secret *s = secrets_find(&b->secrets, it->m->id);
	it->run.kind = RUN_MOUNT_FILE;
	it->run.data = s ? s->data : "";
	it->run.len = s ? s->len : 0;
	it->run.mode = o->has_mode ? o->mode : 0400;
	it->run.uid = o->has_uid ? o->uid : 0;
	it->run.gid = o->has_gid ? o->gid : 0;
}

static int set_ssh(struct build *b, struct mount_item *it, struct err *err)
{
	const struct mount_opts *o = &it->m->o;
	const struct ssh_source *agent = secrets_find_ssh(&b->secrets, it->m->id);
	it->run.kind = RUN_MOUNT_BIND;
	it->run.read_only = false; /* nothing can be connected to where writing is not allowed */
	if (mount_make_dir(b, it, err) < 0)
		return err->code;
	return ssh_forward_start(agent, it->made_fd, o->has_mode ? o->mode : 0600,
		o->has_uid ? o->uid : 0, o->has_gid ? o->gid : 0, &it->forward, &it->fd, err);
}

static int item_open(struct mount_setup *s, struct mount_item *it, struct err *err)
{
	switch (it->m->o.type) {
	case MOUNT_BIND:
		return mount_bind_open(s->b, it, err);
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
	m->runs = xcalloc(m->n + volumes_count(b) + 1, sizeof(*m->runs));
	if (s->script)
		m->script = xasprintf("/dev/pipes/%s", s->script->name);
	for (size_t i = 0; i < m->n; i++)
		m->items[i] = (struct mount_item){
			.m = &s->mounts[i],
			.run = {.source = -1,
				.target = s->mounts[i].target,
				.read_only = s->mounts[i].o.read_only,
				.copy_up = s->mounts[i].o.copy_up,
				.no_exec = s->mounts[i].o.no_exec,
				.no_suid = s->mounts[i].o.no_suid,
				.stored = true},
			.fd = -1,
			.tree_fd = -1,
			.made_fd = -1,
			.discarded = {-1, -1},
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

static int copy_item(const struct mount_item *it, struct err *err)
{
	AUTO_FREE char *pattern = mount_source_pattern(it->path);
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
static int item_finish(struct mount_setup *s, struct mount_item *it, struct err *err)
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
	size_t n = volumes_count(m->b);
	/* volumes first: the step's own mounts may lie in them */
	if (volumes_open(m->b, m->runs, &m->volumes, err) < 0)
		return err->code;
	if (m->s->ssh_sock && !map_has(env, "SSH_AUTH_SOCK"))
		map_set(env, "SSH_AUTH_SOCK", m->s->ssh_sock);
	for (size_t i = 0; i < m->n; i++) {
		struct mount_item *it = &m->items[i];
		const struct step_mount *sm = it->m;
		if (item_finish(m, it, err) < 0)
			return err->code;
		bool is_secret = sm->o.type == MOUNT_SECRET;
		const struct secret *s = is_secret ? secrets_find(&m->b->secrets, sm->id) : NULL;
		if (sm->o.env)
			map_set(env, sm->o.env, s ? s->data : "");
		if (!sm->target || (is_secret && !s))
			continue; /* of a secret that was not given there is no file */
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

static void watch_caches(const struct mount_setup *m, struct step_watch *w)
{
	for (size_t i = 0; i < m->n_locks; i++) {
		const struct mount_item *it = &m->items[m->locks[i]];
		uint64_t limit = cache_limit_of(m->b->store, it->m->id);
		if (limit)
			step_watch_cache(w, it->m->id, limit, it->cache.dir);
	}
}

void mount_setup_watch(const struct mount_setup *m, struct step_watch *w)
{
	watch_caches(m, w);
	for (size_t i = 0; i < m->n; i++) {
		const struct mount_item *it = &m->items[i];
		if (it->m->o.type != MOUNT_BIND || it->m->o.read_only)
			continue;
		if (it->made_fd >= 0)
			step_watch_place(w, m->b->o, it->made_fd, it->fd);
		for (size_t k = 0; k < ARRAY_LEN(it->discarded); k++)
			if (it->discarded[k] >= 0)
				step_watch_place(w, m->b->o, it->discarded[k], it->fd);
	}
}

void mount_setup_free(struct mount_setup *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		struct mount_item *it = &m->items[i];
		job_cancel(&it->forward);
		cache_mount_done(&it->cache);
		if (it->own_tree)
			filetree_free(it->tree);
		mem_close_p(&it->tree_fd);
		mem_close_p(&it->fd);
		mem_close_p(&it->made_fd);
		mem_close_p(&it->discarded[0]);
		mem_close_p(&it->discarded[1]);
		free(it->path);
		free(it->made);
	}
	/* now that all locks of this step are free */
	for (size_t i = 0; i < m->n_locks; i++) {
		AUTO_FREE char *line = NULL;
		cache_mount_limit(m->b->store, &m->items[m->locks[i]].cache, &line);
		if (line)
			progress_note(m->b->o->progress, line);
	}
	volumes_close(&m->volumes);
	free(m->items);
	free(m->locks);
	free(m->runs);
	free(m->script);
	free(m);
}
