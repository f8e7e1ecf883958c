/* SPDX-License-Identifier: Apache-2.0 */
#include "build/remote_cache.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/cache_document.h"
#include "image/media_type.h"
#include "registry/artifact.h"
#include "registry/fetch.h"
#include "store/records.h"

#include <stdlib.h>
#include <string.h>

struct remote_cache {
	struct cache_place place;
	bool tried, dead;
	struct artifact *artifact;
	struct cache_document doc;
};

int remote_caches_parse(struct build *b, struct err *err)
{
	const struct strv *from = &b->o->cache_from, *to = &b->o->cache_to;
	b->caches = xcalloc(from->n + 1, sizeof(*b->caches));
	b->cache_to = xcalloc(to->n + 1, sizeof(*b->cache_to));
	for (size_t i = 0; i < from->n; i++) {
		if (cache_place_parse(from->v[i], false, &b->caches[i].place, err) < 0)
			return err->code;
		b->n_caches++;
	}
	for (size_t i = 0; i < to->n; i++) {
		if (cache_place_parse(to->v[i], true, &b->cache_to[i], err) < 0)
			return err->code;
		b->n_cache_to++;
	}
	return 0;
}

void remote_caches_done(struct build *b)
{
	for (size_t i = 0; i < b->n_caches; i++) {
		cache_place_done(&b->caches[i].place);
		artifact_free(b->caches[i].artifact);
		cache_document_done(&b->caches[i].doc);
	}
	for (size_t i = 0; i < b->n_cache_to; i++)
		cache_place_done(&b->cache_to[i]);
	free(b->caches);
	free(b->cache_to);
}

static void give_up(struct build *b, struct remote_cache *c, const struct err *why)
{
	c->dead = true;
	strv_addf(
		&b->result->warnings, "the cache %s is not used: %s", c->place.location, why->msg);
}

static bool is_open(struct build *b, struct remote_cache *c)
{
	struct err err = ERR_INIT;
	size_t n;
	if (c->tried)
		return !c->dead;
	c->tried = true;
	int r = artifact_open(c->place.location, &b->o->pull.remote, &c->artifact, &err);
	if (r == 0) {
		const char *text = artifact_config(c->artifact, &n);
		r = cache_document_parse(text, n, artifact_manifest(c->artifact), &c->doc, &err);
	}
	if (r < 0)
		give_up(b, c, &err);
	return !c->dead;
}

const struct record *remote_cache_find(
	struct build *b, const struct digest *key, struct remote_cache **ret_from)
{
	for (size_t i = 0; i < b->n_caches; i++) {
		struct remote_cache *c = &b->caches[i];
		const struct record *r = is_open(b, c) ? cache_document_find(&c->doc, key) : NULL;
		if (r) {
			*ret_from = c;
			return r;
		}
	}
	return NULL;
}

const char *remote_cache_location(const struct remote_cache *c)
{
	return c->place.location;
}

const struct digest *remote_cache_inputs(struct build *b, const struct digest *key)
{
	for (size_t i = 0; i < b->n_caches; i++) {
		struct remote_cache *c = &b->caches[i];
		const struct digest *d = is_open(b, c) ? cache_document_inputs(&c->doc, key) : NULL;
		if (d)
			return d;
	}
	return NULL;
}

/* All layers of the chain that are in this cache, side by side. */
static int fetch_from(
	struct build *b, struct remote_cache *from, const struct chain *c, struct err *err)
{
	static char type[] = MT_OCI_LAYER;
	AUTO_FREE struct descriptor *descs = xcalloc(c->n, sizeof(*descs));
	AUTO_FREE struct wanted *w = xcalloc(c->n, sizeof(*w));
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++) {
		const struct link *l = c->l[i];
		if (l->from != from)
			continue;
		descs[n] = (struct descriptor){
			.media_type = type, .digest = l->layer.blob, .size = l->layer.blob_size};
		w[n] = (struct wanted){
			.desc = &descs[n], .unpack = true, .diff_id = l->layer.diff_id};
		n++;
	}
	return artifact_fetch(from->artifact, b->store, b->txn, w, n, b->o->progress, err);
}

static int put_record(struct build *b, struct link *l, struct err *err)
{
	struct record r = {.has_layer = true,
		.layer = l->layer,
		.compression = l->compression,
		.created_s = l->created.tv_sec,
		.created_ns = (uint32_t)l->created.tv_nsec};
	l->from = NULL;
	return record_put(b->store, &l->record_key, &r, err);
}

int remote_cache_fetch(struct build *b, const struct chain *c, struct err *err)
{
	for (size_t i = 0; i < c->n; i++) {
		struct remote_cache *from = c->l[i]->from;
		struct err why = ERR_INIT;
		if (!from)
			continue;
		if (fetch_from(b, from, c, &why) < 0) {
			give_up(b, from, &why);
			b->cache_failed = true;
			*err = why;
			return err->code;
		}
		for (size_t k = i; k < c->n; k++)
			if (c->l[k]->from == from && put_record(b, c->l[k], err) < 0)
				return err->code;
	}
	return 0;
}
