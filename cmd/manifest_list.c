/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manifest_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/tmp.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/location.h"
#include "store/blobs.h"
#include "store/images.h"
#include "store/list_sources.h"
#include "store/names.h"
#include "store/store.h"

#define LOCK_NAME "lists.lock"

static int open_existing(
	struct store *s, const char *text, bool create, struct manifest_list *l, struct err *err)
{
	int r = create ? image_find_as_written(s, text, &l->old, &l->ref, err)
	               : image_find(s, text, &l->old, &l->ref, err);
	if (r < 0)
		return r;
	l->exists = true;
	if (media_kind(l->old.media_type) != MEDIA_INDEX)
		return err_set(err, ERR_INVALID, "'%s' is an image, not a list of images", text);
	if (!l->ref)
		return err_set(err, ERR_INVALID,
			"'%s' is an ID: a change makes another one, so a list needs its name",
			text);
	return index_load(s, &l->old, &l->ix, err);
}

static int open_new(const char *text, struct manifest_list *l, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	int r = reference_parse_local(text, &ref, err);
	if (r < 0)
		return r;
	if (ref.has_digest)
		return err_set(err, ERR_INVALID, "'%s': a list cannot be named by a digest", text);
	l->ref = reference_str(&ref);
	l->ix.media_type = xstrdup(MT_OCI_INDEX);
	char id[DIGEST_HEX_LEN + 1];
	tmp_random_name(id, DIGEST_HEX_LEN);
	map_set(&l->old.annotations, ANNOTATION_LIST_ID, id);
	return 0;
}

int manifest_list_open(
	struct store *s, const char *text, bool create, struct manifest_list *ret, struct err *err)
{
	struct manifest_list l = {.lock = -1};
	int r = lock_file(store_fd(s), LOCK_NAME, LOCK_EXCLUSIVE, true, &l.lock, err);
	if (r == 0)
		r = open_existing(s, text, create, &l, err);
	if (r == ERR_NOT_FOUND && !l.exists && create) {
		err_clear(err);
		r = open_new(text, &l, err);
	}
	if (r < 0) {
		manifest_list_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

const char *manifest_list_id(struct manifest_list *l, const struct digest *now, char *buf)
{
	const char *id = map_get(&l->old.annotations, ANNOTATION_LIST_ID);
	return id ? id : digest_hex(now, buf);
}

int manifest_list_save(
	struct store *s, struct manifest_list *l, struct digest *ret, struct err *err)
{
	AUTO_FREE char *text = index_dump(&l->ix);
	const char *const refs[] = {l->ref};
	const char *id = map_get(&l->old.annotations, ANNOTATION_LIST_ID);
	struct descriptor d = {.media_type = xstrdup(l->ix.media_type), .size = strlen(text)};
	if (id)
		map_set(&d.annotations, ANNOTATION_LIST_ID, id);
	list_sources_set(&l->old, &l->sources, &l->ix, &d);
	int r = d.size <= MANIFEST_MAX
	                ? blob_put(s, text, strlen(text), &d.digest, err)
	                : err_set(err, ERR_LIMIT, "the list would be larger than %llu bytes",
				  MANIFEST_MAX);
	if (r == 0)
		r = names_set(s, refs, 1, &d, err);
	/* what the name stood for is no image of its own */
	if (r == 0 && l->exists && !digest_equal(&l->old.digest, &d.digest)) {
		r = names_remove_unnamed(s, &l->old.digest, err);
		if (r == ERR_NOT_FOUND) {
			err_clear(err);
			r = 0;
		}
	}
	if (r == 0)
		*ret = d.digest;
	descriptor_done(&d);
	return r;
}

void manifest_list_done(struct manifest_list *l)
{
	free(l->ref);
	descriptor_done(&l->old);
	index_done(&l->ix);
	strv_done(&l->sources);
	mem_close_p(&l->lock);
	*l = (struct manifest_list){.lock = -1};
}

struct descriptor *manifest_list_find(struct manifest_list *l, const struct digest *d)
{
	for (size_t i = 0; i < l->ix.n_manifests; i++)
		if (digest_equal(&l->ix.manifests[i].digest, d))
			return &l->ix.manifests[i];
	return NULL;
}

void manifest_list_put(struct manifest_list *l, const struct descriptor *d)
{
	struct descriptor *old = manifest_list_find(l, &d->digest);
	if (!old) {
		index_add(&l->ix, d);
		return;
	}
	descriptor_done(old);
	descriptor_copy(old, d);
}

void manifest_list_remove(struct manifest_list *l, struct descriptor *entry)
{
	size_t at = (size_t)(entry - l->ix.manifests);
	descriptor_done(entry);
	l->ix.n_manifests--;
	memmove(entry, entry + 1, (l->ix.n_manifests - at) * sizeof(*entry));
}

/* --- what is added --- */

/* An image of a list says what it is for; an index does in its entries. */
static int describe(struct store *s, struct descriptor *d, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	const struct strv none = STRV_INIT;
	if (d->has_platform)
		return 0;
	int r = image_load(s, d, NULL, &image, err);
	if (r < 0)
		return r;
	d->has_platform = true;
	d->platform = image.config.platform;
	image_config_add_os_features(&image.config, &none, &d->os_features);
	return 0;
}

/* One image, as the index that it is in has it. */
static int one_entry(struct store *s, const struct descriptor *top, const struct platform *platform,
	struct index *ret, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	struct descriptor d;
	int r = image_load(s, top, platform, &image, err);
	if (r < 0)
		return r;
	descriptor_copy(&d, &image.manifest_desc);
	if (media_kind(top->media_type) != MEDIA_INDEX)
		map_done(&d.annotations); /* of its name */
	r = describe(s, &d, err);
	if (r == 0)
		index_add(ret, &d);
	descriptor_done(&d);
	return r;
}

static int all_entries(
	struct store *s, const struct descriptor *top, struct index *ret, struct err *err)
{
	char text[DIGEST_STR_MAX];
	int r = index_load(s, top, ret, err);
	for (size_t i = 0; r == 0 && i < ret->n_manifests; i++) {
		struct descriptor *d = &ret->manifests[i];
		if (!blob_has(s, &d->digest, NULL))
			r = err_set(err, ERR_NOT_FOUND,
				"%s of the index is not in the store; pull it with --all-platforms",
				digest_str(&d->digest, text));
		else if (index_entry_is_image(d))
			r = describe(s, d, err);
	}
	return r;
}

/* Only what lists are made of is fetched from a registry. */
static int pull_documents(struct store *s, const char *text, const struct pull_opts *o,
	struct descriptor *ret_top, char **ret_repository, struct err *err)
{
	struct pull_opts pull = *o;
	struct pulled pulled = {0};
	AUTO_REFERENCE struct reference ref = {0};
	struct err ignored = ERR_INIT;
	enum transport transport;
	const char *rest;

	int r = location_parse(text, &transport, &rest, err);
	if (r < 0)
		return r;
	pull.policy = PULL_ALWAYS;
	pull.unnamed = true;
	pull.no_unpack = true;
	pull.no_layers = transport == TRANSPORT_REGISTRY;
	r = image_pull(s, text, &pull, &pulled, err);
	if (r == 0)
		descriptor_copy(ret_top, &pulled.top);
	if (r == 0 && pull.no_layers && pulled.ref &&
		reference_parse(pulled.ref, &ref, &ignored) == 0)
		*ret_repository = reference_name(&ref);
	pulled_done(&pulled);
	return r;
}

int manifest_list_find_image(struct store *s, const char *text, const struct pull_opts *o,
	struct index *ret, struct descriptor *ret_top, struct strv *sources, struct err *err)
{
	struct descriptor top = {0};
	AUTO_FREE char *ref = NULL, *repository = NULL;
	char text_of[DIGEST_STR_MAX];
	int r = location_is_elsewhere(text) ? ERR_NOT_FOUND
	                                    : image_find_named(s, text, &top, &ref, err);
	if (r == ERR_NOT_FOUND) {
		err_clear(err);
		r = pull_documents(s, text, o, &top, &repository, err);
	}
	if (r < 0)
		return r;
	bool all = o->all_platforms && media_kind(top.media_type) == MEDIA_INDEX;
	r = all ? all_entries(s, &top, ret, err)
	        : one_entry(s, &top, o->has_platform ? &o->platform : NULL, ret, err);
	if (r < 0) {
		descriptor_done(&top);
		index_done(ret);
		return err_wrap(err, "%s", text);
	}
	for (size_t i = 0; repository && i < ret->n_manifests; i++)
		strv_addf(sources, "%s@%s", repository,
			digest_str(&ret->manifests[i].digest, text_of));
	*ret_top = top;
	return 0;
}
