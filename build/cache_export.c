/* SPDX-License-Identifier: Apache-2.0 */
/* --cache-to: what the build knows of its steps, as an artifact at another place. */
#include "base/err.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/cache_document.h"
#include "build/image_layer.h"
#include "build/recompress.h"
#include "build/remote_cache.h"
#include "build/stage_note.h"
#include "build/stage_run.h"
#include "build/step_record.h"
#include "image/media_type.h"
#include "registry/artifact.h"
#include "store/blobs.h"

#include <stdlib.h>
#include <string.h>

static void add_inputs(struct build *b, const struct step *s, const struct digest *inputs,
	struct cache_document *d)
{
	struct digest source;
	if (s->kind != STEP_COPY || !s->sources.n || s->from == COPY_FROM_CONTEXT)
		return;
	if (s->from == COPY_FROM_IMAGE) {
		source = image_key(&b->images[s->from_image].image);
	} else if (s->from == COPY_FROM_NOTHING) {
		source = chain_key_empty();
	} else {
		const struct chain *c = &b->runs[s->from_stage].chain;
		if (!chain_content(c->l, c->n, &source))
			return;
	}
	struct digest key = inputs_key(s, &source);
	cache_document_add_inputs(d, &key, inputs);
}

static int compress_as(
	struct build *b, const struct cache_place *p, struct record *rec, struct err *err)
{
	struct descriptor d = {.media_type = xstrdup(layer_media_type(rec->compression)),
		.digest = rec->layer.blob,
		.size = rec->layer.blob_size};
	const struct recompression how = {.compression = p->compression, .level = p->level};
	int r = layer_recompress(b->store, &d, &rec->layer.diff_id, &how, err);
	rec->layer.blob = d.digest;
	rec->layer.blob_size = d.size;
	rec->compression = p->compression;
	descriptor_done(&d);
	return r;
}

static int add_stage(struct build *b, const struct cache_place *p, const struct stage_run *r,
	struct cache_document *d, struct err *err)
{
	for (size_t i = 0; i < r->next; i++) {
		const struct step_result *res = &r->results[i];
		struct link *l = res->link;
		struct record rec = {.created_s = res->created.tv_sec,
			.created_ns = (uint32_t)res->created.tv_nsec};
		struct digest key;
		if (!step_result_key(res, &key) || (l && l->from))
			continue; /* it was not even fetched: it is where it was */
		if (l && !l->empty) {
			if (link_need_blob(b, l, err) < 0)
				return err->code;
			rec.has_layer = true;
			rec.layer = l->layer;
			rec.compression = l->compression;
			if (p->recompress && compress_as(b, p, &rec, err) < 0)
				return err->code;
		}
		cache_document_add(d, &key, &rec);
		add_inputs(b, &r->plan->steps[i], &res->inputs, d);
	}
	return 0;
}

/* What is there already stays there: caches of several builds may share a place. */
static int add_present(
	struct build *b, const char *location, struct cache_document *d, struct err *err)
{
	AUTO_ARTIFACT struct artifact *a = NULL;
	struct cache_document there;
	struct err why = ERR_INIT;
	size_t n;
	if (artifact_open(location, &b->o->pull.remote, &a, &why) < 0)
		return 0; /* nothing, or nothing that can be read: writing says more */
	const char *text = artifact_config(a, &n);
	if (!streq(artifact_manifest(a)->config.media_type, CACHE_CONFIG_TYPE))
		return err_set(
			err, ERR_DENIED, "there is something else, which is not overwritten");
	if (cache_document_parse(text, n, artifact_manifest(a), &there, &why) < 0)
		return 0;
	for (size_t i = 0; i < there.n; i++)
		cache_document_add(d, &there.e[i].key, &there.e[i].record);
	for (size_t i = 0; i < there.n_in; i++)
		cache_document_add_inputs(d, &there.in[i].key, &there.in[i].inputs);
	cache_document_done(&there);
	return 0;
}

static int put_document(struct build *b, const char *text, const char *type, struct descriptor *ret,
	struct err *err)
{
	ret->size = strlen(text);
	ret->media_type = xstrdup(type);
	return blob_put(b->store, text, strlen(text), &ret->digest, err);
}

static int push(
	struct build *b, const char *location, const struct cache_document *d, struct err *err)
{
	struct manifest m = {0};
	struct descriptor top = {0};
	struct push_opts o = {
		.remote = b->o->pull.remote, .progress = b->o->progress, .partial = true};
	struct digest ignored;
	m.media_type = xstrdup(MT_OCI_MANIFEST);
	AUTO_FREE char *config = cache_document_dump(d, &m);
	int r = put_document(b, config, CACHE_CONFIG_TYPE, &m.config, err);
	if (r == 0) {
		AUTO_FREE char *text = manifest_dump(&m);
		r = put_document(b, text, MT_OCI_MANIFEST, &top, err);
	}
	if (r == 0)
		r = image_push(b->store, &top, NULL, location, &o, &ignored, err);
	descriptor_done(&top);
	manifest_done(&m);
	return r;
}

static int export_to(struct build *b, const struct cache_place *p, struct err *err)
{
	struct cache_document d = {0}, own = {0};
	int r = 0;
	for (size_t i = 0; r == 0 && i < b->stages.n; i++) {
		if (!b->plans[i].evaluated || (p->min && !stage_is_of_image(b, i)))
			continue;
		r = add_stage(b, p, &b->runs[i], &d, err);
		if (r == 0)
			r = add_stage(b, p, &b->runs[i], &own, err);
	}
	if (r == 0)
		r = add_present(b, p->location, &d, err);
	if (r == 0)
		r = push(b, p->location, &d, err);
	if (r < 0 && r != ERR_DENIED && d.n > own.n) {
		/* a layer of what was there may be gone */
		err_clear(err);
		r = push(b, p->location, &own, err);
	}
	cache_document_done(&d);
	cache_document_done(&own);
	return r;
}

int remote_caches_check(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->n_cache_to; i++) {
		const struct cache_place *p = &b->cache_to[i];
		if (!p->ignore_error && image_push_check(p->location, &b->o->pull.remote, err) < 0)
			return err_wrap(err, "option '--cache-to'");
	}
	return 0;
}

int remote_cache_export(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->n_cache_to; i++) {
		const struct cache_place *p = &b->cache_to[i];
		struct err why = ERR_INIT;
		if (export_to(b, p, &why) == 0)
			continue;
		if (!p->ignore_error)
			return err_set(err, why.code, "cannot write the cache to %s: %s",
				p->location, why.msg);
		strv_addf(&b->result->warnings, "the cache was not written to %s: %s", p->location,
			why.msg);
	}
	return 0;
}
