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
#include <stdlib.h>
#include <string.h>

#define IN_TOTO "application/vnd.in-toto+json"
#define STATEMENT "https://in-toto.io/Statement/v0.1"
#define UNKNOWN "unknown"

void predicates_add(struct predicates *ps, size_t image, const char *type, struct json *body)
{
	ps->p = xreallocarray(ps->p, ps->n + 1, sizeof(*ps->p));
	ps->p[ps->n++] = (struct predicate){.image = image, .type = type, .body = body};
}

void predicates_done(struct predicates *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		json_free(ps->p[i].body);
	free(ps->p);
}

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
static char *make_config(const struct manifest *m)
{
	char text[DIGEST_STR_MAX];
	AUTO_JSON struct json *j = json_new_object();
	struct json *rootfs = json_new_object(), *diff_ids = json_new_array();
	json_set_string(j, "architecture", UNKNOWN);
	json_set_string(j, "os", UNKNOWN);
	json_set(j, "config", json_new_object());
	json_set_string(rootfs, "type", "layers");
	for (size_t i = 0; i < m->n_layers; i++)
		json_add(diff_ids, json_new_string(digest_str(&m->layers[i].digest, text)));
	json_set(rootfs, "diff_ids", diff_ids);
	json_set(j, "rootfs", rootfs);
	return json_dump(j, 0);
}

static int put_statement(struct store *s, const struct predicate *p, const struct strv *names,
	const struct built_image *image, struct manifest *ret, struct err *err)
{
	char in_toto[] = IN_TOTO;
	struct descriptor d = {.media_type = in_toto};
	AUTO_JSON struct json *statement = new_statement(p->type, p->body, names, image);
	AUTO_FREE char *text = json_dump(statement, 2);
	map_set(&d.annotations, "in-toto.io/predicate-type", p->type);
	int r = put(s, text, &d, err);
	if (r == 0)
		manifest_add_layer(ret, &d);
	map_done(&d.annotations);
	return r;
}

/* The manifest whose statements are there; *ret: as the index names it. */
static int put_manifest(struct store *s, struct manifest *m, const struct digest *about,
	struct descriptor *ret, struct err *err)
{
	char text[DIGEST_STR_MAX];
	AUTO_FREE char *config = make_config(m);
	m->config.media_type = xstrdup(MT_OCI_CONFIG);
	if (put(s, config, &m->config, err) < 0)
		return err->code;
	AUTO_FREE char *manifest = manifest_dump(m);
	if (put(s, manifest, ret, err) < 0)
		return err->code;
	ret->media_type = xstrdup(MT_OCI_MANIFEST);
	ret->has_platform = true;
	snprintf(ret->platform.os, sizeof(ret->platform.os), UNKNOWN);
	snprintf(ret->platform.arch, sizeof(ret->platform.arch), UNKNOWN);
	map_set(&ret->annotations, "vnd.docker.reference.digest", digest_str(about, text));
	map_set(&ret->annotations, "vnd.docker.reference.type", "attestation-manifest");
	return 0;
}

static int add_statements(struct store *s, const struct predicates *ps, const struct strv *names,
	const struct build_result *form, size_t image, struct index *ix, struct err *err)
{
	struct manifest m = {.media_type = xstrdup(MT_OCI_MANIFEST)};
	struct descriptor d = {0};
	const struct built_image *about = &form->images[image];
	int r = 0;
	for (size_t i = 0; r == 0 && i < ps->n; i++)
		if (ps->p[i].image == image)
			r = put_statement(s, &ps->p[i], names, about, &m, err);
	if (r == 0)
		r = put_manifest(s, &m, &about->manifest.digest, &d, err);
	if (r == 0)
		index_add(ix, &d);
	descriptor_done(&d);
	manifest_done(&m);
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

int attest_images(struct store *s, const struct predicates *ps, const struct strv *names,
	struct build_result *form, struct err *err)
{
	struct index ix = {0};
	int r = begin_index(s, form, &ix, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < form->n_images; i++)
		r = add_statements(s, ps, names, form, i, &ix, err);
	if (r == 0) {
		AUTO_FREE char *text = index_dump(&ix);
		mem_replace(&form->root.media_type, xstrdup(ix.media_type));
		r = put(s, text, &form->root, err);
	}
	index_done(&ix);
	return r;
}
