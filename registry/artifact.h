/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest at another place whose config is a document of its own kind and whose layers are
 * wanted one by one, when it turns out which: the step cache of a build. Digests and sizes are
 * checked as in a pull. It is written with image_push(), from documents in the store.
 */
#pragma once
#include "image/manifest.h"
#include <stddef.h>

struct artifact;
struct err;
struct progress;
struct remote_opts;
struct store;
struct txn;
struct wanted;

/* location: a registry or oci:DIR:NAME. Reads manifest and config. ERR_NOT_FOUND: nothing there. */
int artifact_open(const char *location, const struct remote_opts *o, struct artifact **ret,
	struct err *err) __attribute__((warn_unused_result));
void artifact_free(struct artifact *a); /* accepts NULL */
static inline void artifact_free_p(struct artifact **a)
{
	artifact_free(*a);
}
#define AUTO_ARTIFACT __attribute__((cleanup(artifact_free_p)))
const struct manifest *artifact_manifest(const struct artifact *a);
const char *artifact_config(const struct artifact *a, size_t *ret_len);
/* Layers of it into the store, see fetch_layers(). */
int artifact_fetch(struct artifact *a, struct store *s, struct txn *t, const struct wanted *w,
	size_t n, struct progress *progress, struct err *err) __attribute__((warn_unused_result));
