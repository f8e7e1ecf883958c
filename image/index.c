/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/document_internal.h"
#include "image/manifest.h"

static int parse_members(const struct json *j, struct index *ix, struct err *err)
{
	struct json *list = NULL;
	int r = json_get_kind(j, "index", "manifests", JSON_KIND_ARRAY, &list, err);
	if (r < 0)
		return r;
	size_t n = json_size(list);
	if (n > DESCRIPTORS_MAX)
		return err_set(
			err, ERR_LIMIT, "index: %zu manifests, more than %d", n, DESCRIPTORS_MAX);
	if (n)
		ix->manifests = xcalloc(n, sizeof(*ix->manifests));
	for (size_t i = 0; i < n; i++) {
		char what[40];
		(void)snprintf(what, sizeof(what), "index: manifest %zu", i + 1);
		if ((r = descriptor_from_json(json_at(list, i), what, &ix->manifests[i], err)) < 0)
			return r;
		ix->n_manifests = i + 1;
	}
	if ((r = document_check_sizes("index", ix->manifests, n, err)) < 0)
		return r;
	const struct json *subject = json_get(j, "subject");
	if (json_is(subject, JSON_KIND_OBJECT) &&
		(r = descriptor_from_json(subject, "index: subject", &ix->subject, err)) < 0)
		return r;
	return json_get_map(j, "index", "annotations", &ix->annotations, err);
}

int index_parse(
	const char *text, size_t n, const char *media_type, struct index *ret, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	struct index ix = {0};
	enum media_kind kind;
	int r;

	if (n > MANIFEST_MAX)
		return err_set(err, ERR_LIMIT, "index is larger than %llu bytes", MANIFEST_MAX);
	if ((r = document_parse(text, n, media_type, &j, &kind, &ix.media_type, err)) < 0)
		return r;
	if (kind != MEDIA_INDEX)
		r = err_set(err, ERR_INVALID, "index: it is a manifest");
	else
		r = parse_members(j, &ix, err);
	if (r < 0) {
		index_done(&ix);
		return r;
	}
	*ret = ix;
	return 0;
}

struct json *index_json(const char *media_type)
{
	struct json *j = json_new_object();
	json_set_int(j, "schemaVersion", 2);
	json_set_string(j, "mediaType", media_type ? media_type : MT_OCI_INDEX);
	json_set(j, "manifests", json_new_array());
	return j;
}

char *index_dump(const struct index *ix)
{
	AUTO_JSON struct json *j = index_json(ix->media_type);
	struct json *list = json_get(j, "manifests");
	for (size_t i = 0; i < ix->n_manifests; i++)
		json_add(list, descriptor_to_json(&ix->manifests[i]));
	if (ix->subject.media_type)
		json_set(j, "subject", descriptor_to_json(&ix->subject));
	if (ix->annotations.n)
		json_set(j, "annotations", json_new_map(&ix->annotations));
	return json_dump(j, 0);
}

void index_add(struct index *ix, const struct descriptor *d)
{
	struct descriptor copy; /* first: d may be one of ours */
	descriptor_copy(&copy, d);
	ix->manifests = xreallocarray(ix->manifests, ix->n_manifests + 1, sizeof(*ix->manifests));
	ix->manifests[ix->n_manifests++] = copy;
}

/* BuildKit's attestations are manifests of platform unknown/unknown that point back at the image
 * they speak of. */
bool index_entry_is_image(const struct descriptor *d)
{
	enum media_kind kind = media_kind(d->media_type);
	if (kind != MEDIA_MANIFEST && kind != MEDIA_INDEX)
		return false;
	if (d->artifact_type || map_has(&d->annotations, "vnd.docker.reference.type"))
		return false;
	return !d->has_platform || !streq(d->platform.os, "unknown");
}

const struct descriptor *index_choose(const struct index *ix, const struct platform *want)
{
	const struct descriptor *best = NULL, *only = NULL;
	int best_score = -1;
	size_t images = 0;

	for (size_t i = 0; i < ix->n_manifests; i++) {
		const struct descriptor *d = &ix->manifests[i];
		if (!index_entry_is_image(d))
			continue;
		images++;
		if (!d->has_platform) {
			only = d;
			continue;
		}
		int score = platform_match(want, &d->platform);
		if (score > best_score) {
			best_score = score;
			best = d;
		}
	}
	return best ? best : images == 1 ? only : NULL;
}

void index_done(struct index *ix)
{
	free(ix->media_type);
	for (size_t i = 0; i < ix->n_manifests; i++)
		descriptor_done(&ix->manifests[i]);
	free(ix->manifests);
	descriptor_done(&ix->subject);
	map_done(&ix->annotations);
	*ix = (struct index){0};
}
