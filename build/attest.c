/* SPDX-License-Identifier: Apache-2.0 */
#include "build/attest.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "build/build.h"
#include "build/purl.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/images.h"

#include <stdio.h>
#include <string.h>

#define IN_TOTO "application/vnd.in-toto+json"
#define STATEMENT "https://in-toto.io/Statement/v0.1"
#define UNKNOWN "unknown"

/* d: all but size and digest is there */
static int put(struct store *s, const char *text, struct descriptor *d, struct err *err)
{
	d->size = strlen(text);
	return blob_put(s, text, strlen(text), &d->digest, err);
}

/* {"sha256": "..."} */
static struct json *new_digest(const struct digest *d)
{
	char hex[DIGEST_STR_MAX];
	struct json *ret = json_new_object();
	json_set_string(ret, digest_alg_name(d->alg), digest_hex(d, hex));
	return ret;
}

static struct json *new_statement(const char *type, struct json *predicate,
	const struct strv *names, const struct built_image *image)
{
	struct json *ret = json_new_object(), *subjects = json_new_array();
	STRV_FOREACH (name, names) {
		AUTO_FREE char *purl = purl_of_image(*name, &image->platform);
		struct json *subject = json_new_object();
		json_set_string(subject, "name", purl);
		json_set(subject, "digest", new_digest(&image->manifest.digest));
		json_add(subjects, subject);
	}
	json_set_string(ret, "_type", STATEMENT);
	json_set_string(ret, "predicateType", type);
	json_set(ret, "subject", subjects);
	json_set(ret, "predicate", json_ref(predicate));
	return ret;
}

/* An image's in form, and nobody's. */
static char *make_config(const struct digest *statement)
{
	char text[DIGEST_STR_MAX];
	AUTO_JSON struct json *j = json_new_object();
	struct json *rootfs = json_new_object(), *diff_ids = json_new_array();
	json_set_string(j, "architecture", UNKNOWN);
	json_set_string(j, "os", UNKNOWN);
	json_set(j, "config", json_new_object());
	json_set_string(rootfs, "type", "layers");
	json_add(diff_ids, json_new_string(digest_str(statement, text)));
	json_set(rootfs, "diff_ids", diff_ids);
	json_set(j, "rootfs", rootfs);
	return json_dump(j, 0);
}

/* The manifest with the statement; *ret: as the index names it. */
static int put_manifest(struct store *s, const char *type, const char *statement,
	const struct digest *about, struct descriptor *ret, struct err *err)
{
	struct manifest m = {.media_type = xstrdup(MT_OCI_MANIFEST)};
	char in_toto[] = IN_TOTO, text[DIGEST_STR_MAX];
	struct descriptor d = {.media_type = in_toto};
	map_set(&d.annotations, "in-toto.io/predicate-type", type);
	int r = put(s, statement, &d, err);
	if (r == 0) {
		manifest_add_layer(&m, &d);
		AUTO_FREE char *config = make_config(&d.digest);
		m.config.media_type = xstrdup(MT_OCI_CONFIG);
		r = put(s, config, &m.config, err);
	}
	map_done(&d.annotations);
	if (r == 0) {
		AUTO_FREE char *manifest = manifest_dump(&m);
		r = put(s, manifest, ret, err);
	}
	manifest_done(&m);
	if (r < 0)
		return r;
	ret->media_type = xstrdup(MT_OCI_MANIFEST);
	ret->has_platform = true;
	snprintf(ret->platform.os, sizeof(ret->platform.os), UNKNOWN);
	snprintf(ret->platform.arch, sizeof(ret->platform.arch), UNKNOWN);
	map_set(&ret->annotations, "vnd.docker.reference.digest", digest_str(about, text));
	map_set(&ret->annotations, "vnd.docker.reference.type", "attestation-manifest");
	return 0;
}

static int add_statement(struct store *s, const char *type, struct json *predicate,
	const struct strv *names, const struct built_image *image, struct index *ix,
	struct err *err)
{
	struct descriptor d = {0};
	AUTO_JSON struct json *statement = new_statement(type, predicate, names, image);
	AUTO_FREE char *text = json_dump(statement, 2);
	int r = put_manifest(s, type, text, &image->manifest.digest, &d, err);
	if (r == 0)
		index_add(ix, &d);
	descriptor_done(&d);
	return r;
}

/* Of one image there was none. */
static int begin_index(
	struct store *s, const struct build_result *form, struct index *ret, struct err *err)
{
	if (media_kind(form->root.media_type) == MEDIA_INDEX)
		return index_load(s, &form->root, ret, err);
	*ret = (struct index){.media_type = xstrdup(MT_OCI_INDEX)};
	index_add(ret, &form->images[0].manifest);
	return 0;
}

int attest_images(struct store *s, const char *type, struct json *const *predicates,
	const struct strv *names, struct build_result *form, struct err *err)
{
	struct index ix = {0};
	int r = begin_index(s, form, &ix, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < form->n_images; i++)
		r = add_statement(s, type, predicates[i], names, &form->images[i], &ix, err);
	if (r == 0) {
		AUTO_FREE char *text = index_dump(&ix);
		mem_replace(&form->root.media_type, xstrdup(ix.media_type));
		r = put(s, text, &form->root, err);
	}
	index_done(&ix);
	return r;
}
