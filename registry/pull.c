/* SPDX-License-Identifier: Apache-2.0 */
/* From a source into the store. The name is set last, when everything it reaches is there and on
 * disk. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "image/media_type.h"
#include "registry/blob_cache.h"
#include "registry/pull_internal.h"
#include "registry/source.h"
#include "store/blobs.h"
#include "store/names.h"
#include "store/store.h"

#define INDEX_DEPTH_MAX 4
#define INDEX_LEAVES_MAX 10000 /* each manifest as often as nested indexes lead to it */

static int check_document(const struct source *source, const struct document *doc,
	const struct descriptor *promised, struct err *err)
{
	char want[DIGEST_STR_MAX], have[DIGEST_STR_MAX];
	if (!digest_equal(&doc->desc.digest, &promised->digest))
		return err_set(err, ERR_CORRUPT, "manifest %s: content has digest %s, %s",
			digest_str(&promised->digest, want), digest_str(&doc->desc.digest, have),
			source_blame(source));
	if (promised->size && doc->len != promised->size)
		return err_set(err, ERR_CORRUPT, "manifest %s has %zu bytes in place of %llu",
			digest_str(&promised->digest, want), doc->len,
			(unsigned long long)promised->size);
	if (promised->media_type && media_kind(promised->media_type) != MEDIA_UNKNOWN &&
		!streq(promised->media_type, doc->desc.media_type))
		return err_set(err, ERR_CORRUPT, "manifest %s is of type '%s', not '%s'",
			digest_str(&promised->digest, want), doc->desc.media_type,
			promised->media_type);
	return 0;
}

static int get_child(
	struct pull *p, const struct descriptor *d, struct document *ret, struct err *err)
{
	char *data;
	size_t len;
	if (blob_has(p->store, &d->digest, NULL) && d->size <= MANIFEST_MAX) {
		int r = blob_read(p->store, d, MANIFEST_MAX, &data, &len, err);
		return r < 0 ? r : document_make(data, len, d->media_type, d->digest.alg, ret, err);
	}
	int r = p->source->ops->child(p->source, d, ret, err);
	if (r < 0)
		return r;
	r = check_document(p->source, ret, d, err);
	if (r < 0)
		document_done(ret);
	return r;
}

/* What is here is not fetched; nor is it taken when it is damaged. */
static int get_top(struct pull *p, struct document *ret, struct err *err)
{
	const struct digest *told = p->source->told;
	struct err damaged = ERR_INIT;
	struct descriptor d = {0};
	char *data;
	size_t len;
	if (told && blob_has(p->store, told, &d.size)) {
		d.digest = *told;
		if (blob_read(p->store, &d, MANIFEST_MAX, &data, &len, &damaged) == 0 &&
			document_make(data, len, NULL, told->alg, ret, &damaged) == 0)
			return 0;
	}
	return p->source->ops->top(p->source, ret, err);
}

/* Few documents that name each other many times are soon more to walk through than anybody has time
 * for: here, and whenever somebody looks at the image. */
static int count_leaves(struct pull *p, const struct index *ix, struct err *err)
{
	p->leaves *= ix->n_manifests ? ix->n_manifests : 1;
	return p->leaves <= INDEX_LEAVES_MAX
	               ? 0
	               : err_set(err, ERR_LIMIT, "nested indexes name more than %d manifests",
				 INDEX_LEAVES_MAX);
}

static int get_document(struct pull *p, struct document *doc, bool unpack, struct err *err);

/* All manifests of an index, the one for our platform unpacked. */
static int get_whole_index(struct pull *p, const struct document *doc, const struct index *ix,
	bool unpack, struct err *err)
{
	const struct descriptor *chosen = index_choose(ix, &p->platform);
	for (size_t i = 0; i < ix->n_manifests; i++) {
		const struct descriptor *d = &ix->manifests[i];
		AUTO_DOCUMENT struct document child = {0};
		int r = get_child(p, d, &child, err);
		/* A local layout may lack the manifests of platforms that were not copied into it.
		 */
		if (r == ERR_NOT_FOUND && p->source->partial && d != chosen) {
			err_clear(err);
			continue;
		}
		if (r == 0)
			r = get_document(p, &child, unpack && d == chosen, err);
		if (r < 0)
			return r;
	}
	return pull_keep_document(p, doc, err);
}

/* Whether all its manifests are here after the pull decides about an index's name: other tools
 * choke on a layout that lacks one. */
static int get_document(struct pull *p, struct document *doc, bool unpack, struct err *err)
{
	if (media_kind(doc->desc.media_type) == MEDIA_MANIFEST)
		return pull_manifest(p, doc, unpack, err);
	if (++p->depth > INDEX_DEPTH_MAX)
		return err_set(
			err, ERR_LIMIT, "indexes are nested more than %d deep", INDEX_DEPTH_MAX);
	struct index ix;
	if (pull_check_signatures(p, doc, err) < 0)
		return err->code;
	int r = index_parse(doc->data, doc->len, doc->desc.media_type, &ix, err);
	if (r < 0)
		return r;
	p->whole = true;
	size_t leaves = p->leaves;
	r = count_leaves(p, &ix, err);
	if (r == 0)
		r = get_whole_index(p, doc, &ix, unpack, err);
	index_done(&ix);
	p->leaves = leaves;
	p->depth--;
	return r;
}

static int no_platform(const struct index *ix, const struct platform *want, struct err *err)
{
	char text[128];
	AUTO_BUF struct buf have = BUF_INIT(4096);
	for (size_t i = 0; i < ix->n_manifests; i++)
		if (ix->manifests[i].has_platform &&
			!streq(ix->manifests[i].platform.os, "unknown"))
			buf_addf(&have, "%s%s", have.len ? ", " : "",
				platform_str(&ix->manifests[i].platform, text));
	return err_set(err, ERR_UNSUPPORTED,
		"no image found in manifest list for platform %s; there are: %s",
		platform_str(want, text), have.len ? buf_str(&have) : "none");
}

/*
 * From an index of a registry only the manifest for our platform is fetched, and it is what gets
 * the name, as docker and buildah do: an index in the store whose manifests are missing would make
 * the layout invalid for other tools. Which index it came from is noted, so that a later
 * --pull=newer can compare without fetching.
 */
static int get_chosen(
	struct pull *p, const struct document *top, struct descriptor *ret_top, struct err *err)
{
	struct index ix;
	AUTO_DOCUMENT struct document child = {0};
	int r = index_parse(top->data, top->len, top->desc.media_type, &ix, err);
	if (r < 0)
		return r;
	const struct descriptor *chosen = index_choose(&ix, &p->platform);
	r = count_leaves(p, &ix, err);
	if (r == 0)
		r = chosen ? get_child(p, chosen, &child, err)
		           : no_platform(&ix, &p->platform, err);
	index_done(&ix);
	if (r < 0)
		return r;
	if (media_kind(child.desc.media_type) == MEDIA_INDEX) {
		if (++p->depth > INDEX_DEPTH_MAX)
			return err_set(err, ERR_LIMIT, "indexes are nested more than %d deep",
				INDEX_DEPTH_MAX);
		r = get_chosen(p, &child, ret_top, err);
		if (r == 0 && p->opts->gather && !p->opts->no_layers)
			r = pull_keep_document(p, &child, err);
	} else {
		r = pull_manifest(p, &child, !p->opts->no_unpack, err);
		if (r == 0)
			descriptor_copy(ret_top, &child.desc);
	}
	if (r == 0) {
		char text[DIGEST_STR_MAX];
		map_set(&ret_top->annotations, ANNOTATION_INDEX_DIGEST,
			digest_str(&top->desc.digest, text));
	}
	return r;
}

/* The name stands for an image of the same index already, for another platform: that one is noted
 * as replaced by the index. */
static bool joins_another(
	struct pull *p, const struct document *index, const struct descriptor *chosen)
{
	const struct strv *names = &p->source->names;
	struct descriptor have = {0};
	struct err ignored = ERR_INIT;
	char text[DIGEST_STR_MAX];
	if (!p->opts->gather || p->opts->no_layers || !names->n ||
		name_get(p->store, names->v[0], &have, &ignored) < 0)
		return false;
	const char *from = map_get(&have.annotations, ANNOTATION_INDEX_DIGEST);
	bool yes = digest_equal(&have.digest, &index->desc.digest) ||
	           (from && streq(from, digest_str(&index->desc.digest, text)) &&
			   !digest_equal(&have.digest, &chosen->digest));
	p->replaced = have.digest;
	p->has_replaced = yes && !digest_equal(&have.digest, &index->desc.digest);
	descriptor_done(&have);
	return yes;
}

/* What the index reaches is no image without a name. */
static int forget_replaced(struct pull *p, struct err *err)
{
	int r = p->has_replaced ? names_remove_unnamed(p->store, &p->replaced, err) : 0;
	if (r == ERR_NOT_FOUND) {
		err_clear(err);
		r = 0;
	}
	return r;
}

static int get_image(
	struct pull *p, struct document *top, struct descriptor *ret_top, struct err *err)
{
	bool whole = p->opts->all_platforms || (p->source->local && !p->opts->no_layers);
	if (media_kind(top->desc.media_type) == MEDIA_INDEX && !whole) {
		struct descriptor chosen = {0};
		int r = get_chosen(p, top, &chosen, err);
		if (r == 0 && joins_another(p, top, &chosen)) {
			descriptor_done(&chosen);
			descriptor_copy(&chosen, &top->desc);
			r = pull_keep_document(p, top, err);
		}
		*ret_top = chosen;
		return r;
	}
	int r = get_document(p, top, !p->opts->no_unpack, err);
	if (r == 0)
		descriptor_copy(ret_top, &top->desc);
	return r;
}

int pull_from(struct store *s, struct txn *t, struct source *source, const struct digest *expected,
	const struct trust *trust, const struct pull_opts *o, struct pulled *ret, struct err *err)
{
	struct pull p = {.store = s,
		.txn = t,
		.source = source,
		.opts = o,
		.trust = trust,
		.pulled = ret,
		.leaves = 1};
	AUTO_DOCUMENT struct document top = {0};
	if (o->has_platform)
		p.platform = o->platform;
	else
		platform_host(&p.platform);
	source->layer_ratio = o->remote.layer_ratio;
	source->blob_cache = o->remote.blob_cache;
	int r = get_top(&p, &top, err);
	if (r < 0)
		return r;
	p.top = top.desc.digest;
	if (expected) {
		struct descriptor promised = {.digest = *expected};
		r = check_document(p.source, &top, &promised, err);
		if (r < 0)
			return r;
	}
	struct descriptor desc = {0};
	r = get_image(&p, &top, &desc, err);
	if (r == 0 && o->remote.blob_cache && !o->no_layers)
		r = blob_cache_keep_image(s, o->remote.blob_cache, &desc, err);
	if (r == 0)
		r = store_sync(s, err);
	if (r == 0 && !o->unnamed && !o->no_layers) {
		r = names_set(s, (const char *const *)strv_argv(&source->names), source->names.n,
			&desc, err);
	}
	if (r == 0)
		r = forget_replaced(&p, err);
	if (r < 0) {
		descriptor_done(&desc);
		return r;
	}
	ret->top = desc;
	ret->images = source->images;
	ret->ref = source->names.n ? xstrdup(source->names.v[0]) : NULL;
	for (size_t i = 1; i < source->names.n; i++)
		strv_add(&ret->others, source->names.v[i]);
	return 0;
}
