/* SPDX-License-Identifier: Apache-2.0 */
/* What is to go when not everything is: by age, or the least recently used until there is room. */
#pragma once
#include "base/strv.h"
#include "store/digest_set.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct store;

struct gc_choice {
	struct strv images; /* digests ("sha256:...") of what the names point to */
	struct digest_set records, mounts; /* step keys; names of cache mounts */
	uint64_t missed; /* bytes that are too much even when all of it is gone */
};

struct gc_limits {
	bool unnamed, all, cache, mounts; /* which kinds of things, as in struct gc_opts */
	const struct strv *images; /* of the images only these; NULL: any */
	const struct strv *keep; /* images that stay, digests; may be NULL */
	int64_t used_before_s; /* only what was last used before; 0: whenever */
	int64_t cache_before_s; /* the same, of records and cache mounts alone */
	/* Only so much, the least recently used first, that the store takes at most max_size bytes
	 * and its file system has min_free bytes. Both 0: all of it. */
	uint64_t max_size, min_free;
};

int gc_choose(struct store *s, const struct gc_limits *l, struct gc_choice *ret, struct err *err)
	__attribute__((warn_unused_result));
void gc_choice_done(struct gc_choice *c);
#define AUTO_GC_CHOICE __attribute__((cleanup(gc_choice_done)))
