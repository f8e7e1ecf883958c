/* SPDX-License-Identifier: Apache-2.0 */
/* fsck: names, and working containers, down to the layers they need. */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/check_internal.h"
#include "store/containers.h"
#include "store/dir_list.h"
#include "store/images.h"
#include "store/list_sources.h"
#include "store/names.h"
#include "store/names_internal.h"
#include "store/store_internal.h"
#include "store/tree.h"

/* Of an image: what is not damaged may be read the next time. */
static void image_problem(struct check *c, const char *name, const struct err *err)
{
	check_problem(c, "image %s: %s", name, err->msg);
	c->unsure |= !store_is_damage(err);
}

static bool compression_of(const char *media_type, enum compression *ret)
{
	if (media_kind(media_type) != MEDIA_LAYER)
		return false;
	*ret = str_has_suffix(media_type, "gzip")   ? COMPRESSION_GZIP
	       : str_has_suffix(media_type, "zstd") ? COMPRESSION_ZSTD
	                                            : COMPRESSION_NONE;
	return true;
}

/* elsewhere: a list has left them there. */
static void check_layers(struct check *c, const char *name, const struct image *i, bool elsewhere)
{
	char buf[DIGEST_STR_MAX];
	for (size_t n = 0; n < i->manifest.n_layers; n++) {
		const struct descriptor *l = &i->manifest.layers[n];
		enum compression compression;
		uint64_t size;
		if (compression_of(l->media_type, &compression))
			check_add_source(c, &i->config.diff_ids[n], &l->digest, compression);
		if (!blob_has(c->store, &l->digest, &size)) {
			/* it was never fetched, or its step came from a cache: its tree serves as
			 * well */
			if (!elsewhere && !tree_has(c->store, &i->config.diff_ids[n]))
				check_problem(c, "image %s: layer %s is missing", name,
					digest_str(&l->digest, buf));
		} else if (size != l->size) {
			check_problem(c, "image %s: layer %s has %llu bytes instead of %llu", name,
				digest_str(&l->digest, buf), (unsigned long long)size,
				(unsigned long long)l->size);
		}
	}
}

/* Every manifest of an index that is here; a pull of one platform leaves the others out. */
static void check_document(struct check *c, const char *name, const struct descriptor *top,
	const struct descriptor *d, unsigned depth)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	size_t n;
	int kind;

	if (blob_read(c->store, d, MANIFEST_MAX, &text, &n, &err) < 0 ||
		document_kind(text, n, d->media_type, &kind, &err) < 0) {
		image_problem(c, name, &err);
		return;
	}
	if (kind == MEDIA_INDEX && depth < 4) {
		struct index ix;
		if (index_parse(text, n, d->media_type, &ix, &err) < 0) {
			image_problem(c, name, &err);
			return;
		}
		size_t here = 0;
		for (size_t i = 0; i < ix.n_manifests; i++)
			if (blob_has(c->store, &ix.manifests[i].digest, NULL)) {
				check_document(c, name, top, &ix.manifests[i], depth + 1);
				here++;
			}
		if (ix.n_manifests && !here)
			check_problem(c, "image %s: none of its manifests is here", name);
		index_done(&ix);
		return;
	}
	AUTO_IMAGE struct image i = {0};
	if (image_load(c->store, d, NULL, &i, &err) == 0) {
		AUTO_FREE char *source = list_source_in(top, &d->digest);
		check_layers(c, name, &i, source != NULL);
	} else if (err.code != ERR_UNSUPPORTED) /* an attestation or another artifact */
		image_problem(c, name, &err);
}

bool image_is_whole(struct store *s, const struct descriptor *d)
{
	AUTO_STRV struct strv problems = STRV_INIT;
	struct check_result result = {0};
	struct check c = {.store = s, .result = &result, .problems = &problems};
	check_document(&c, "", d, d, 0);
	free(c.sources);
	return !result.problems || c.unsure;
}

/* Whoever uses the name takes the first. */
static void check_twice(struct check *c, const struct names *names)
{
	struct digest_set seen = {0};
	for (size_t i = 0; i < names->count; i++) {
		char buf[DIGEST_STR_MAX];
		const struct name *n = &names->n[i];
		if (!n->ref || names_add_seen(&seen, n->ref))
			continue;
		check_problem(c, "index.json: the name '%s' is an entry's before that of %s",
			n->ref, digest_str(&n->manifest.digest, buf));
		c->bad_names = true;
	}
	digest_set_done(&seen);
}

int check_images(struct check *c, struct err *err)
{
	struct names names;
	int r = names_list(c->store, &names, err);
	if (r < 0 && !store_is_damage(err))
		return r;
	if (r < 0) {
		if (!c->bad_index)
			check_problem(c, "%s", err->msg);
		c->bad_index = true;
		err_clear(err);
		return 0;
	}
	uint64_t before = c->result->problems;
	for (size_t i = 0; i < names.count; i++) {
		char buf[DIGEST_STR_MAX];
		const struct name *n = &names.n[i];
		check_document(c, n->ref ? n->ref : digest_str(&n->manifest.digest, buf),
			&n->manifest, &n->manifest, 0);
		c->result->images++;
	}
	c->bad_images = c->result->problems > before;
	check_twice(c, &names);
	names_done(&names);
	return 0;
}

/* --- working containers --- */

/* Its own files are its user's; the layers below them must be here. */
static void check_container(struct check *c, const struct container *w)
{
	AUTO_IMAGE struct image base = {0};
	AUTO_FREE char *name = xasprintf("below the working container '%s'", w->name);
	struct err err = ERR_INIT;

	if (w->damaged && !strv_has(&c->bad_containers, w->id)) {
		check_problem(c, "working container %s: %s", w->id, w->damaged);
		strv_add(&c->bad_containers, w->id);
	}
	if (w->scratch)
		return;
	if (image_load(c->store, &w->manifest, NULL, &base, &err) < 0)
		check_problem(c, "image %s: %s", name, err.msg);
	else
		check_layers(c, name, &base, false);
}

/* Its directory, before what is in it is read. */
static void check_container_dir(struct check *c, const char *id)
{
	AUTO_FREE char *path = xasprintf(CONTAINERS_DIR "/%s", id),
		       *doc = xasprintf("%s/container.json", path),
		       *uses = xasprintf("%s/uses", path), *upper = xasprintf("%s/upper", path);
	struct digest as_id;
	if (!digest_parse_hex(id, &as_id) || !check_is_dir(c, path)) {
		if (check_is_there(c, path))
			check_leftover(c, path);
		return;
	}
	const char *what = !check_is_regular(c, doc)    ? "it has no description"
	                   : !check_is_regular(c, uses) ? "what it needs is not noted"
	                   : !check_is_dir(c, upper)    ? "its files are gone"
	                                                : NULL;
	/* it may have been removed just now */
	if (!what || !check_is_there(c, path))
		return;
	check_problem(c, "working container %s: %s", id, what);
	strv_add(&c->bad_containers, id);
}

int check_containers(struct check *c, struct err *err)
{
	AUTO_CONTAINERS struct containers l = {0};
	AUTO_STRV struct strv ids = STRV_INIT;
	int r = dir_list(c->store->fd, CONTAINERS_DIR, &ids, err);
	STRV_FOREACH (id, &ids)
		check_container_dir(c, *id);
	if (r == 0)
		r = containers_list(c->store, &l, err);
	for (size_t i = 0; i < l.n; i++)
		check_container(c, &l.c[i]);
	return r;
}
