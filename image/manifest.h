/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image manifests and indexes, OCI and Docker schema 2 alike (the media types differ, the members
 * do not). image-spec manifest.md, image-index.md. The document's bytes are kept by whoever read
 * them: a manifest is never re-encoded once it has a digest. Schema 1, a document with both
 * "manifests" and "layers", a mediaType that disagrees with its descriptor, more than 1,000 layers
 * or manifests are refused.
 */
#pragma once
#include "base/mem.h"
#include "image/descriptor.h"
#include <stddef.h>

/* distribution-spec: registries accept at least 4 MiB; nobody sends more */
#define MANIFEST_MAX (4 * MIB)
#define CONFIG_MAX (4 * MIB)

struct manifest {
	char *media_type;
	struct descriptor config;
	struct descriptor *layers;
	size_t n_layers;
	struct map annotations;
	char *artifact_type;
};

struct index {
	char *media_type;
	struct descriptor *manifests;
	size_t n_manifests;
	struct map annotations;
	struct descriptor subject; /* media_type NULL: it has none */
};

/* media_type: what the descriptor or the Content-Type said, NULL when nobody did. */
int manifest_parse(const char *text, size_t n, const char *media_type, struct manifest *ret,
	struct err *err) __attribute__((warn_unused_result));
char *manifest_dump(const struct manifest *m); /* new string: compact JSON, fixed order */
void manifest_add_layer(struct manifest *m, const struct descriptor *layer);
void manifest_done(struct manifest *m);

int index_parse(const char *text, size_t n, const char *media_type, struct index *ret,
	struct err *err) __attribute__((warn_unused_result));
/* An index without manifests. media_type NULL: OCI's */
struct json *index_json(const char *media_type);
char *index_dump(const struct index *ix);
void index_add(struct index *ix, const struct descriptor *d);
/* The best entry for `want` that is an image (attestations and artifacts are passed over); NULL
 * when none. Borrowed. Entries without a platform match any when they are the only one. */
const struct descriptor *index_choose(const struct index *ix, const struct platform *want);
/* Whether the entry is an image: no attestation, no artifact. */
bool index_entry_is_image(const struct descriptor *d);
void index_done(struct index *ix);

/* MEDIA_MANIFEST, MEDIA_INDEX, MEDIA_SCHEMA1 or MEDIA_UNKNOWN, by media type when given, else by
 * members. ERR_INVALID when they contradict each other. */
int document_kind(const char *text, size_t n, const char *media_type, int *ret_media_kind,
	struct err *err) __attribute__((warn_unused_result));
