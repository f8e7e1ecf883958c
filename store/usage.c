/* SPDX-License-Identifier: Apache-2.0 */
#include "store/usage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/dir_list.h"
#include "store/disk_usage.h"
#include "store/mark.h"
#include "store/names.h"
#include "store/records_internal.h"
#include "store/store_internal.h"
#include "store/used.h"

struct costs {
	struct store *store;
	struct disk_costs *ret;
	size_t n_trees,
		n_objects; /* the list begins with the layers, then the blobs, each sorted */
};

static struct usage_item *add_item(struct costs *c, enum usage_kind kind, const char *name)
{
	struct disk_costs *d = c->ret;
	d->item = xreallocarray(d->item, d->n + 1, sizeof(*d->item));
	struct usage_item *i = &d->item[d->n++];
	*i = (struct usage_item){.kind = kind, .name = name ? xstrdup(name) : NULL};
	return i;
}

/* --- blobs and layers --- */

static void add_object(struct costs *c, const char *path, const struct digest *d, /* or NULL */
	enum usage_kind kind)
{
	uint64_t size = disk_usage(c->store->fd, path);
	if (!d) {
		c->ret->bytes[USAGE_OTHER] += size;
		return;
	}
	struct usage_item *item = add_item(c, kind, NULL);
	item->digest = *d;
	item->size = size;
	if (kind == USAGE_BLOB)
		item->used_s = used_at(c->store, path);
}

static int add_trees(struct costs *c, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(c->store->fd, LAYERS_DIR, &names, err);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = xasprintf(LAYERS_DIR "/%s", *name);
		struct digest d;
		add_object(c, path, digest_parse_hex(*name, &d) ? &d : NULL, USAGE_LAYER);
	}
	return r;
}

static int add_blobs(struct costs *c, struct err *err)
{
	AUTO_STRV struct strv paths = STRV_INIT;
	int r = store_blob_paths(c->store, &paths, err);
	STRV_FOREACH (path, &paths) {
		struct digest d;
		add_object(c, *path, store_blob_parse(*path, &d) ? &d : NULL, USAGE_BLOB);
	}
	return r;
}

static int by_digest(const void *a, const void *b)
{
	return digest_cmp(
		&((const struct usage_item *)a)->digest, &((const struct usage_item *)b)->digest);
}

static void sort_objects(struct costs *c, size_t first, size_t end)
{
	if (first < end)
		qsort(c->ret->item + first, end - first, sizeof(*c->ret->item), by_digest);
}

static void charge(struct costs *c, size_t first, size_t end, const struct digest_set *set,
	enum usage_class class, size_t user)
{
	struct usage_item *items = c->ret->item;
	for (size_t i = 0; i < set->cap && first < end; i++) {
		const struct usage_item key = {.digest = set->slot[i]};
		struct usage_item *o =
			digest_is_zero(&key.digest)
				? NULL
				: bsearch(&key, items + first, end - first, sizeof(key), by_digest);
		if (!o)
			continue;
		if (!o->users++)
			o->first_user = user;
		o->classes |= 1U << class;
		items[user].size += o->size;
		items[user].needs[items[user].n_needs++] = (size_t)(o - items);
	}
}

/* The last item needs what is marked. */
static void charge_marks(struct costs *c, const struct marks *m, enum usage_class class)
{
	size_t user = c->ret->n - 1;
	c->ret->item[user].needs =
		xcalloc(m->trees.n + m->blobs.n + 1, sizeof(*c->ret->item[user].needs));
	charge(c, 0, c->n_trees, &m->trees, class, user);
	charge(c, c->n_trees, c->n_objects, &m->blobs, class, user);
	c->ret->count[class]++;
}

/* Own files, that nothing else has. */
static void charge_own(struct costs *c, uint64_t bytes, enum usage_class class, bool reclaimable)
{
	struct usage_item *i = &c->ret->item[c->ret->n - 1];
	i->size += bytes;
	i->unique += bytes;
	c->ret->bytes[class] += bytes;
	if (reclaimable)
		c->ret->reclaimable[class] += bytes;
}

/* --- who needs them --- */

static int add_images(struct costs *c, struct err *err)
{
	struct digest_set seen = {0};
	struct names names;
	int r = names_list(c->store, &names, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		AUTO_MARKS struct marks m = {0};
		const struct digest *d = &names.n[i].manifest.digest;
		char path[STORE_PATH_MAX];
		if (!digest_set_add(&seen, d))
			continue;
		struct usage_item *item = add_item(c, USAGE_IMAGE, names.n[i].ref);
		bool step = names.n[i].step_of != NULL;
		item->digest = *d;
		item->intermediate = step;
		item->used_s = used_at(c->store, store_blob_name(path, d));
		r = mark_image(c->store, &m, &names.n[i].manifest, err);
		charge_marks(c, &m, step ? USAGE_CACHE : USAGE_IMAGES);
	}
	names_done(&names);
	digest_set_done(&seen);
	return r;
}

static int add_containers(struct costs *c, struct err *err)
{
	AUTO_STRV struct strv ids = STRV_INIT;
	int r = dir_list(c->store->fd, CONTAINERS_DIR, &ids, err);
	STRV_FOREACH (id, &ids) {
		AUTO_MARKS struct marks m = {0};
		AUTO_FREE char *path = xasprintf(CONTAINERS_DIR "/%s", *id);
		if (r < 0)
			break;
		add_item(c, USAGE_CONTAINER, *id)->used_s = used_at(c->store, path);
		r = mark_container(c->store, &m, *id, err);
		charge_marks(c, &m, USAGE_CONTAINERS);
		charge_own(c, disk_usage(c->store->fd, path), USAGE_CONTAINERS, false);
	}
	return r;
}

static int add_records(struct costs *c, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	int r = dir_list(c->store->fd, STEPS_DIR, &files, err);
	STRV_FOREACH (file, &files) {
		AUTO_MARKS struct marks m = {0};
		AUTO_FREE char *path = xasprintf(STEPS_DIR "/%s", *file);
		struct err ignored = ERR_INIT;
		struct record rec = {0};
		struct digest key;
		if (r < 0)
			break;
		if (!digest_parse_hex(*file, &key)) {
			c->ret->bytes[USAGE_CACHE] += disk_usage(c->store->fd, path);
			continue;
		}
		if (record_read(c->store, *file, &rec, &ignored) == 0)
			mark_record(&m, &rec);
		record_done(&rec);
		struct usage_item *item = add_item(c, USAGE_RECORD, NULL);
		item->digest = key;
		item->used_s = used_at(c->store, path);
		charge_marks(c, &m, USAGE_CACHE);
		charge_own(c, disk_usage(c->store->fd, path), USAGE_CACHE, true);
	}
	return r;
}

static int add_mounts(struct costs *c, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(c->store->fd, MOUNTS_DIR, &names, err);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = xasprintf(MOUNTS_DIR "/%s", *name);
		struct usage_item *item = add_item(c, USAGE_MOUNT, *name);
		(void)digest_parse_hex(*name, &item->digest);
		item->used_s = used_at(c->store, path);
		c->ret->count[USAGE_MOUNTS]++;
		charge_own(c, disk_usage(c->store->fd, path), USAGE_MOUNTS, true);
	}
	return r;
}

/* --- all of it --- */

/* Each layer and blob to the first class that needs it. */
static void share_out(struct costs *c)
{
	struct disk_costs *d = c->ret;
	for (size_t i = 0; i < c->n_objects; i++) {
		const struct usage_item *o = &d->item[i];
		unsigned class = USAGE_IMAGES;
		while (class < USAGE_OTHER && !(o->classes & 1U << class))
			class ++;
		d->bytes[class] += o->size;
		if (!(o->classes & 1U << USAGE_CONTAINERS))
			d->reclaimable[class] += o->size;
		if (o->users == 1)
			d->item[o->first_user].unique += o->size;
	}
}

/* What lies at the top of the store, below cache/ and blobs/, and was not looked at above. */
static int add_rest(struct costs *c, struct err *err)
{
	static const char *const walked[] = {
		"blobs", LAYERS_DIR, "cache", MOUNTS_DIR, CONTAINERS_DIR};
	AUTO_STRV struct strv names = STRV_INIT, caches = STRV_INIT;
	struct disk_costs *d = c->ret;
	int fd = c->store->fd;
	int r = dir_list(fd, ".", &names, err);
	if (r == 0)
		r = dir_list(fd, "cache", &caches, err);
	STRV_FOREACH (name, &names) {
		bool known = false;
		for (size_t i = 0; i < ARRAY_LEN(walked); i++)
			known |= streq(*name, walked[i]);
		d->bytes[USAGE_OTHER] += known ? disk_usage_own(fd, *name) : disk_usage(fd, *name);
	}
	d->bytes[USAGE_OTHER] += disk_usage_own(fd, ".") + disk_usage_own(fd, BLOBS_DIR) +
	                         disk_usage_own(fd, BLOBS_SHA512_DIR);
	d->bytes[USAGE_CACHE] += disk_usage_own(fd, STEPS_DIR);
	STRV_FOREACH (name, &caches) {
		AUTO_FREE char *path = xasprintf("cache/%s", *name);
		if (!streq(path, STEPS_DIR))
			d->bytes[USAGE_CACHE] += disk_usage(fd, path);
	}
	return r;
}

int store_costs(struct store *s, struct disk_costs *ret, struct err *err)
{
	struct disk_costs d = {0};
	struct costs c = {.store = s, .ret = &d};
	int r;

	r = add_trees(&c, err);
	c.n_trees = d.n;
	if (r == 0)
		r = add_blobs(&c, err);
	c.n_objects = d.n;
	sort_objects(&c, 0, c.n_trees);
	sort_objects(&c, c.n_trees, c.n_objects);
	if (r == 0 && (r = add_images(&c, err)) == 0 && (r = add_containers(&c, err)) == 0 &&
		(r = add_records(&c, err)) == 0 && (r = add_mounts(&c, err)) == 0) {
		share_out(&c);
		r = add_rest(&c, err);
	}
	if (r < 0)
		disk_costs_done(&d);
	else
		*ret = d;
	return r;
}

int store_mount_costs(struct store *s, struct disk_costs *ret, struct err *err)
{
	struct disk_costs d = {0};
	struct costs c = {.store = s, .ret = &d};
	int r = add_mounts(&c, err);
	if (r < 0)
		disk_costs_done(&d);
	else
		*ret = d;
	return r;
}

void disk_costs_done(struct disk_costs *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->item[i].name);
		free(c->item[i].needs);
	}
	free(c->item);
	*c = (struct disk_costs){0};
}
