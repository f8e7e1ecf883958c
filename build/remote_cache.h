/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step caches at other places, --cache-from and --cache-to. A cache that the user names is believed
 * when it says which layer a step key gives, as BuildKit believes its own; what the layer holds is
 * checked by digest and diff ID. It is read when the store has no answer for the first time, and a
 * layer is fetched when it is needed: as a lower of a step that runs, or for the image.
 *
 * A layer that cannot be had (gone, damaged, not what its digest says) is found out after steps
 * were built on it. The cache it is from is then left alone with a warning, and the steps begin
 * anew: what has run is answered from the store.
 */
#pragma once
#include "build/cache_place.h"
#include <stdbool.h>
#include <stddef.h>

struct build;
struct chain;
struct digest;
struct err;
struct link;
struct record;
struct remote_cache;

/* Parses the options: places, not whether something is there. */
int remote_caches_parse(struct build *b, struct err *err) __attribute__((warn_unused_result));
void remote_caches_done(struct build *b);
/* NULL: none has it. *ret_from: which one. Both borrowed. */
const struct record *remote_cache_find(
	struct build *b, const struct digest *key, struct remote_cache **ret_from);
const struct digest *remote_cache_inputs(struct build *b, const struct digest *key);
const char *remote_cache_location(const struct remote_cache *c);
/* Fetches the layers of the chain that only a cache has, and writes their records. On failure
 * b->cache_failed is set. */
int remote_cache_fetch(struct build *b, const struct chain *c, struct err *err)
	__attribute__((warn_unused_result));
/* Whether --cache-to can be written, as far as that is known before the first step. */
int remote_caches_check(struct build *b, struct err *err) __attribute__((warn_unused_result));
/* --cache-to: records of this build, and those that are there already. */
int remote_cache_export(struct build *b, struct err *err) __attribute__((warn_unused_result));
