/* SPDX-License-Identifier: Apache-2.0 */
/* Images that are whole and have no entry in index.json. */
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/check_internal.h"
#include "store/rebuild_internal.h"
#include "store/store_internal.h"

struct found {
	struct descriptor *d;
	size_t n;
};

void rebuild_hide_children(struct rebuild *b, const struct descriptor *d)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	struct index ix;
	size_t n;
	if (blob_read(b->store, d, MANIFEST_MAX, &text, &n, &ignored) < 0 ||
		index_parse(text, n, d->media_type, &ix, &ignored) < 0)
		return;
	for (size_t i = 0; i < ix.n_manifests; i++)
		(void)digest_set_add(&b->known, &ix.manifests[i].digest);
	index_done(&ix);
}

/* Documents describe themselves by mediaType, or else by their members. */
const char *document_media_type(const char *text, size_t n, bool *ret_index)
{
	AUTO_JSON struct json *j = NULL;
	struct err ignored = ERR_INIT;
	int kind;
	if (text[0] != '{' || document_kind(text, n, NULL, &kind, &ignored) < 0 ||
		json_parse(text, n, "blob", &j, &ignored) < 0)
		return NULL;
	const char *type = json_text(json_get(j, "mediaType"));
	bool docker = type && media_is_docker(type);
	*ret_index = kind == MEDIA_INDEX;
	if (kind == MEDIA_INDEX)
		return docker ? MT_DOCKER_LIST : MT_OCI_INDEX;
	if (kind == MEDIA_MANIFEST)
		return docker ? MT_DOCKER_MANIFEST : MT_OCI_MANIFEST;
	return NULL;
}

static void look_at_blob(struct rebuild *b, const struct digest *digest, struct found *indexes,
	struct found *manifests)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	struct descriptor d = {.digest = *digest};
	bool index;
	size_t n;
	if (!blob_has(b->store, digest, &d.size) || d.size > MANIFEST_MAX || d.size < 2 ||
		blob_read(b->store, &d, MANIFEST_MAX, &text, &n, &ignored) < 0)
		return;
	const char *type = document_media_type(text, n, &index);
	if (!type)
		return;
	d.media_type = xstrdup(type);
	if (!image_is_whole(b->store, &d)) {
		descriptor_done(&d);
		return;
	}
	struct found *to = index ? indexes : manifests;
	to->d = xreallocarray(to->d, to->n + 1, sizeof(*to->d));
	to->d[to->n++] = d;
}

static size_t add_found(struct rebuild *b, struct found *f)
{
	size_t added = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (digest_set_add(&b->known, &f->d[i].digest)) {
			index_file_set(&b->file, b->file.n, &f->d[i], NULL);
			added++;
		}
		descriptor_done(&f->d[i]);
	}
	free(f->d);
	return added;
}

int rebuild_add_nameless(struct rebuild *b, size_t *ret_n, struct err *err)
{
	AUTO_STRV struct strv paths = STRV_INIT;
	struct found indexes = {0}, manifests = {0};
	int r = store_blob_paths(b->store, &paths, err);
	STRV_FOREACH (path, &paths) {
		struct digest d;
		if (store_blob_parse(*path, &d))
			look_at_blob(b, &d, &indexes, &manifests);
	}
	for (size_t i = 0; i < indexes.n; i++)
		rebuild_hide_children(b, &indexes.d[i]);
	*ret_n = add_found(b, &indexes);
	*ret_n += add_found(b, &manifests);
	return r;
}

bool rebuild_describe(struct rebuild *b, const struct digest *digest, struct descriptor *ret)
{
	struct found whole[2] = {0};
	look_at_blob(b, digest, &whole[0], &whole[1]);
	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		if (whole[i].n)
			*ret = whole[i].d[0];
		free(whole[i].d);
	}
	return whole[0].n || whole[1].n;
}

void rebuild_done(struct rebuild *b)
{
	index_file_done(&b->file);
	digest_set_done(&b->known);
	digest_set_done(&b->names);
}
