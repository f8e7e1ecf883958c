/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/box_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/root.h"
#include "build/cache_mount.h"
#include "build/steps.h"
#include "cmd/box_mount.h"
#include "cmd/cmd.h"
#include "cmd/mount_words.h"
#include "run/spec.h"
#include "store/store.h"

struct box_cache {
	struct step_mount m;
	struct cache_mount c;
	size_t slot; /* of the spec's mounts */
};

static int id_number(const char *text, bool *ret_given, uid_t *ret, struct err *err)
{
	uint64_t v = 0;

	*ret_given = text != NULL;
	if (text && (!num_u64(text, UINT32_MAX - 1, &v)))
		return err_set(
			err, ERR_INVALID, "option '--mount': '%s' is not a user or group ID", text);
	*ret = (uid_t)v;
	return 0;
}

int box_add_cache(
	struct box_mounts *b, const struct mount_words *m, struct run_spec *spec, struct err *err)
{
	static const char *const names[] = {
		[MOUNT_SHARED] = "shared", [MOUNT_PRIVATE] = "private", [MOUNT_LOCKED] = "locked"};
	struct mount_opts o = {.type = MOUNT_CACHE, .has_mode = m->mode != NULL};
	size_t sharing = 0;

	if (m->from)
		return err_set(err, ERR_UNSUPPORTED,
			"option '--mount': 'from' is not supported for a cache: it is filled by "
			"what runs");
	while (m->sharing && sharing < ARRAY_LEN(names) && !streq(m->sharing, names[sharing]))
		sharing++;
	if (sharing == ARRAY_LEN(names))
		return err_set(err, ERR_INVALID,
			"option '--mount': 'sharing=%s' is not one of 'shared', 'private', "
			"'locked'",
			m->sharing);
	o.sharing = (enum mount_sharing)sharing;
	if (mount_word_mode(m->mode, &o.mode, err) < 0 ||
		id_number(m->uid, &o.has_uid, &o.uid, err) < 0 ||
		id_number(m->gid, &o.has_gid, &o.gid, err) < 0)
		return err->code;
	b->caches = xreallocarray(b->caches, b->n_caches + 1, sizeof(*b->caches));
	struct box_cache *c = &b->caches[b->n_caches++];
	*c = (struct box_cache){.m = {.o = o}, .c = CACHE_MOUNT_INIT, .slot = spec->n_mounts};
	AUTO_FREE char *source = path_clean(m->source && *m->source ? m->source : "/");
	c->m.source = xstrdup(*source == '/' ? source + 1 : source);
	c->m.id = m->id && *m->id ? xstrdup(m->id) : path_clean(m->target);
	c->c.sharing = o.sharing;
	cache_mount_name(&c->m, NULL, c->c.name);
	*box_new_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = -1,
		.target = xstrdup(m->target),
		.read_only = m->read_only && !m->read_write,
		.no_exec = m->no_exec,
		.no_suid = m->no_suid,
		.stored = true};
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct box_cache *)a)->c.name, ((const struct box_cache *)b)->c.name);
}

static int open_cache(struct box_mounts *b, struct box_cache *c, int *ret_fd, struct err *err)
{
	const struct mount_opts *o = &c->m.o;
	AUTO_FREE char *made = NULL;
	AUTO_FD int made_fd = -1, dir = -1;

	int r = cache_mount_open(b->s, b->t, &c->c, c->m.id, false, false, err);
	if (r == 0 && !c->c.locked)
		r = cache_mount_wait(&c->c, err);
	if (r == 0 && !c->c.exists)
		r = txn_mkdir(b->t, "mount", &made, &made_fd, err);
	if (r < 0)
		return r;
	if (made && !*c->m.source &&
		(fchown(made_fd, o->has_uid ? o->uid : (uid_t)-1, o->has_gid ? o->gid : (gid_t)-1) <
				0 ||
			(o->has_mode && fchmod(made_fd, o->mode) < 0)))
		return err_sys(err, "cannot give the cache mount '%s' its owner and mode", c->m.id);
	r = cache_mount_get(b->t, &c->c, made, &dir, err);
	if (r < 0)
		return r;
	/* whoever shares the cache may have put a link there: it leads nowhere else */
	*ret_fd = root_open(dir, *c->m.source ? c->m.source : "/", O_PATH, 0);
	return *ret_fd < 0 ? err_sys(err, "cannot open '%s' in the cache mount '%s'", c->m.source,
				     c->m.id)
	                   : 0;
}

/* In the order of their names, as builds do, so that two never wait for each other. */
int box_open_caches(struct box_mounts *b, struct run_spec *spec, struct err *err)
{
	if (b->n_caches)
		qsort(b->caches, b->n_caches, sizeof(*b->caches), by_name);
	for (size_t i = 0; i < b->n_caches; i++) {
		struct box_cache *c = &b->caches[i];
		if (i && streq(c->c.name, c[-1].c.name) && c->c.sharing != MOUNT_SHARED)
			return err_set(err, ERR_INVALID,
				"option '--mount': the cache '%s' is there twice, and not shared",
				c->m.id);
		if (open_cache(b, c, &spec->mounts[c->slot].source, err) < 0)
			return err->code;
	}
	return 0;
}

void box_caches_done(struct box_mounts *b)
{
	for (size_t i = 0; i < b->n_caches; i++) {
		AUTO_FREE char *line = NULL;
		cache_mount_done(&b->caches[i].c);
		cache_mount_limit(b->s, &b->caches[i].c, &line);
		if (line)
			out_warn(&b->app->out, "%s", line);
		free(b->caches[i].m.source);
		free(b->caches[i].m.id);
	}
	free(b->caches);
}
