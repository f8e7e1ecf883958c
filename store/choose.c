/* SPDX-License-Identifier: Apache-2.0 */
#include "store/choose.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/room.h"
#include "store/store_internal.h"
#include "store/usage.h"
#include "store/used.h"

static bool may_go(const struct usage_item *i, const struct gc_limits *l)
{
	char text[DIGEST_STR_MAX];
	if (l->used_before_s && i->used_s > l->used_before_s)
		return false;
	if (l->cache_before_s && i->kind != USAGE_IMAGE && i->used_s > l->cache_before_s)
		return false;
	switch (i->kind) {
	case USAGE_IMAGE:
		digest_str(&i->digest, text);
		return (l->all || (i->intermediate ? l->cache : l->unnamed && !i->name)) &&
		       (!l->images || strv_has(l->images, text)) &&
		       (!l->keep || !strv_has(l->keep, text));
	case USAGE_RECORD:
		return l->cache;
	case USAGE_MOUNT:
		return l->mounts;
	case USAGE_LAYER:
	case USAGE_BLOB:
	case USAGE_CONTAINER:
		break;
	}
	return false;
}

/*
 * The least recently used first. Of what one minute's builds used, the newest goes first: a record
 * is of no use without those of the steps before it. Images that somebody named go last of it.
 */
static int by_use(const void *pa, const void *pb)
{
	const struct usage_item *a = *(const struct usage_item *const *)pa,
				*b = *(const struct usage_item *const *)pb;
	int64_t ua = a->used_s / USED_PRECISION_S, ub = b->used_s / USED_PRECISION_S;
	bool image = a->kind == USAGE_IMAGE && !a->intermediate,
	     other = b->kind == USAGE_IMAGE && !b->intermediate;
	if (ua != ub)
		return ua < ub ? -1 : 1;
	if (image != other)
		return image ? 1 : -1;
	if (a->used_s != b->used_s)
		return (a->used_s < b->used_s) == image ? -1 : 1;
	return digest_cmp(&a->digest, &b->digest);
}

static void choose(struct gc_choice *c, const struct usage_item *i)
{
	char text[DIGEST_STR_MAX];
	if (i->kind == USAGE_IMAGE)
		strv_add(&c->images, digest_str(&i->digest, text));
	else
		(void)digest_set_add(
			i->kind == USAGE_RECORD ? &c->records : &c->mounts, &i->digest);
}

/* What is freed when it goes after those that were chosen before. */
static uint64_t let_go(struct disk_costs *costs, const struct usage_item *i)
{
	uint64_t freed = i->size;
	for (size_t k = 0; k < i->n_needs; k++) {
		struct usage_item *o = &costs->item[i->needs[k]];
		if (--o->users > 0)
			freed -= o->size;
	}
	return freed;
}

/* Bytes that any sweep frees. */
static uint64_t unneeded(const struct disk_costs *costs, int64_t before_s)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < costs->n; i++) {
		const struct usage_item *o = &costs->item[i];
		bool young = o->kind == USAGE_BLOB && before_s && o->used_s > before_s;
		if ((o->kind == USAGE_LAYER || o->kind == USAGE_BLOB) && !o->users && !young)
			sum += o->size;
	}
	return sum;
}

/* Bytes that are too much, and that no sweep would free. */
static int excess(struct store *s, const struct disk_costs *costs, const struct gc_limits *l,
	uint64_t *ret, struct err *err)
{
	struct room room;
	uint64_t used = 0, over = 0;
	for (size_t i = 0; i < USAGE_CLASSES; i++)
		used += costs->bytes[i];
	if (l->max_size && used > l->max_size)
		over = used - l->max_size;
	if (l->min_free) {
		if (room_of(s->fd, &room) < 0)
			return err_sys(err, "cannot ask for the free space of '%s'", s->path);
		if (room.bytes < l->min_free && l->min_free - room.bytes > over)
			over = l->min_free - room.bytes;
	}
	uint64_t freed = unneeded(costs, l->used_before_s);
	*ret = over > freed ? over - freed : 0;
	return 0;
}

int gc_choose(struct store *s, const struct gc_limits *l, struct gc_choice *ret, struct err *err)
{
	AUTO_DISK_COSTS struct disk_costs costs = {0};
	uint64_t over = 0;
	bool limited = l->max_size || l->min_free;
	int r = store_costs(s, &costs, err);
	if (r == 0 && limited)
		r = excess(s, &costs, l, &over, err);
	if (r < 0)
		return r;
	AUTO_FREE const struct usage_item **order = xcalloc(costs.n + 1, sizeof(*order));
	size_t n = 0;
	for (size_t i = 0; i < costs.n; i++)
		if (may_go(&costs.item[i], l))
			order[n++] = &costs.item[i];
	if (n)
		qsort(order, n, sizeof(*order), by_use);
	for (size_t i = 0; i < n && (!limited || over); i++) {
		uint64_t freed = let_go(&costs, order[i]);
		over -= freed < over ? freed : over;
		choose(ret, order[i]);
	}
	ret->missed = over;
	return 0;
}

void gc_choice_done(struct gc_choice *c)
{
	strv_done(&c->images);
	digest_set_done(&c->records);
	digest_set_done(&c->mounts);
}
