/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step cache outside of a store: an image manifest whose layers are the layers of steps, and
 * whose config, of type CACHE_CONFIG_TYPE, says which step key gives which of them:
 *	{"version": 1,
 *	 "records": [{"key": HEX, "layer": N, "diffId": DIGEST, "created": S, "createdNs": NS,
 *	              "diffSize": N, "content": N, "entries": N}, ...],
 *	 "inputs": [{"key": HEX, "inputs": HEX}, ...]}
 * "layer" is an index into the manifest's layers; a record without one is of a step that changed
 * nothing. "inputs": what a COPY takes from a tree (step_record.h). Anybody may have written it.
 */
#pragma once
#include "image/manifest.h"
#include "layers/layer.h"
#include "store/records.h"
#include <stddef.h>

struct err;

#define CACHE_CONFIG_TYPE "application/vnd.mica.cache.config.v1+json"
#define CACHE_RECORDS_MAX 10000
#define CACHE_LAYERS_MAX 1000 /* of a manifest */

struct cache_entry {
	struct digest key;
	struct record record;
};

struct cache_inputs {
	struct digest key, inputs;
};

struct cache_document {
	struct cache_entry *e; /* sorted by key after cache_document_parse() */
	size_t n;
	struct cache_inputs *in; /* the same */
	size_t n_in;
};

/* m: the manifest that text is the config of. ERR_INVALID, ERR_UNSUPPORTED: another version, or no
 * cache; ERR_LIMIT. */
int cache_document_parse(const char *text, size_t n, const struct manifest *m,
	struct cache_document *ret, struct err *err) __attribute__((warn_unused_result));
void cache_document_done(struct cache_document *d);
/* NULL: not there. Borrowed. */
const struct record *cache_document_find(const struct cache_document *d, const struct digest *key);
const struct digest *cache_document_inputs(
	const struct cache_document *d, const struct digest *key);
/* Adds what is not there yet, as long as the limits allow. */
void cache_document_add(struct cache_document *d, const struct digest *key, const struct record *r);
void cache_document_add_inputs(
	struct cache_document *d, const struct digest *key, const struct digest *inputs);
/* The config's text, and the manifest's layers into m. New string. */
char *cache_document_dump(const struct cache_document *d, struct manifest *m);
