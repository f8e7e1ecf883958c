/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.json anew, when it cannot be read: the names that are left in what there is of it, and
 * every image that is whole without a name. What had been removed and not swept yet comes back
 * that way too; `prune` takes it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "store/blobs.h"
#include "store/check_internal.h"
#include "store/index_file.h"
#include "store/names.h"
#include "store/store_internal.h"

#define DEPTH_MAX 32 /* of objects in one another */
#define ENTRY_MAX (256 * KIB) /* a descriptor with its annotations */

struct rebuild {
	struct store *store;
	struct index_file file;
	struct digest_set known; /* manifests that are in it, and those below an index in it */
	struct digest_set names; /* digests of the references in it */
};

/* --- what is left of the old one --- */

static bool is_new_name(struct rebuild *b, const char *ref)
{
	struct digest d = digest_of(ref, strlen(ref));
	struct reference parsed;
	struct err ignored = ERR_INIT;
	if (reference_parse(ref, &parsed, &ignored) < 0)
		return false;
	reference_done(&parsed);
	return digest_set_add(&b->names, &d);
}

/* An object of the old file, if it is a manifest's entry. */
static void salvage(struct rebuild *b, const char *text, size_t n)
{
	const struct index_line line = {.text = text, .n = n};
	struct descriptor d = {0};
	AUTO_FREE char *ref = NULL;
	struct err ignored = ERR_INIT;
	if (index_line_parse(&line, &d, &ref, &ignored) < 0)
		return;
	if (ref && image_is_whole(b->store, &d) && is_new_name(b, ref)) {
		index_file_set(&b->file, b->file.n, &d, ref);
		(void)digest_set_add(&b->known, &d.digest);
	}
	descriptor_done(&d);
}

/* All objects in it, whatever is around them. No string of JSON goes over the end of a line. */
static void salvage_all(struct rebuild *b, const char *text, size_t n)
{
	size_t open[DEPTH_MAX], depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n')
			in_string = false;
		else if (in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && text[i] == '{')
			open[depth++ % DEPTH_MAX] = i;
		else if (!in_string && text[i] == '}' && depth > 0) {
			size_t from = open[--depth % DEPTH_MAX];
			if (i > from && i - from < ENTRY_MAX)
				salvage(b, text + from, i - from + 1);
		}
	}
}

/* --- what is there without a name --- */

struct found {
	struct descriptor *d;
	size_t n;
};

/* What an index has is no image of its own. */
static void hide_children(struct rebuild *b, const struct descriptor *d)
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

static int add_nameless(struct rebuild *b, size_t *ret_n, struct err *err)
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
		hide_children(b, &indexes.d[i]);
	*ret_n = add_found(b, &indexes);
	*ret_n += add_found(b, &manifests);
	return r;
}

/* --- one that can be read, and says what is not so --- */

/* The entry's manifest is here, of another size or kind than it says. */
static bool describe_anew(struct rebuild *b, const struct digest *digest, struct descriptor *ret)
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

static void mend_line(
	struct rebuild *b, size_t at, const struct digest_set *bad, struct index_mended *result)
{
	struct descriptor d = {0}, right = {0};
	AUTO_FREE char *ref = NULL;
	struct err ignored = ERR_INIT;
	if (index_line_parse(&b->file.lines[at], &d, &ref, &ignored) < 0)
		return;
	if (!blob_has(b->store, &d.digest, NULL)) {
		result->lost |= !digest_set_has(bad, &d.digest);
	} else if (ref && !image_is_whole(b->store, &d) && describe_anew(b, &d.digest, &right)) {
		d.size = right.size;
		free(d.media_type);
		d.media_type = take(right.media_type);
		descriptor_done(&right);
		index_file_set(&b->file, at, &d, ref);
		result->entries++;
	}
	(void)digest_set_add(&b->known, &d.digest);
	hide_children(b, &d);
	descriptor_done(&d);
}

int index_mend(
	struct store *s, const struct digest_set *bad, struct index_mended *ret, struct err *err)
{
	struct rebuild b = {.store = s};
	AUTO_FD int lock = -1;
	int r;
	*ret = (struct index_mended){0};
	if ((r = store_lock(s, "lock", LOCK_EXCLUSIVE, true, &lock, err)) < 0 ||
		(r = index_file_read(s, &b.file, err)) < 0)
		return r;
	for (size_t i = 0; i < b.file.n; i++)
		mend_line(&b, i, bad, ret);
	if (ret->lost)
		r = add_nameless(&b, &ret->nameless, err);
	if (r == 0 && (ret->entries || ret->nameless))
		r = index_file_write(s, &b.file, err);
	index_file_done(&b.file);
	digest_set_done(&b.known);
	return r;
}

int index_rebuild(struct store *s, size_t *ret_n, struct err *err)
{
	struct rebuild b = {.store = s};
	AUTO_FREE char *old = NULL;
	AUTO_FD int lock = -1;
	struct err ignored = ERR_INIT;
	size_t n;
	int r = store_lock(s, "lock", LOCK_EXCLUSIVE, true, &lock, err);
	if (r < 0)
		return r;
	index_file_init(&b.file);
	if (fs_read_plain(s->fd, "index.json", NAMES_MAX, &old, &n, &ignored) == 0)
		salvage_all(&b, old, n);
	for (size_t i = 0; i < b.file.n; i++) {
		struct descriptor d = {0};
		AUTO_FREE char *ref = NULL;
		if (index_line_parse(&b.file.lines[i], &d, &ref, &ignored) == 0)
			hide_children(&b, &d);
		descriptor_done(&d);
	}
	r = add_nameless(&b, ret_n, err);
	if (r == 0)
		r = index_file_write(s, &b.file, err);
	index_file_done(&b.file);
	digest_set_done(&b.known);
	digest_set_done(&b.names);
	return r;
}
