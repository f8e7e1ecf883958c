/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where blobs were seen: the repositories that images were pulled from and pushed to, under the
 * hosts that were really asked. A push to another repository of the same host has them mounted
 * there in place of sending them. These are hints: a wrong or lost one costs an upload. The file
 * `origins` of the store has a line a blob and place, the newest last, and forgets the oldest.
 */
#pragma once
#include <stddef.h>

struct descriptor;
struct digest;
struct err;
struct store;

/* place: "host[:port]/repository". Writes nothing that is noted already. */
void origins_add(
	struct store *s, const char *place, const struct descriptor *const *blobs, size_t n);

struct origins;
struct origins *origins_load(struct store *s);
void origins_free(struct origins *o); /* accepts NULL */
static inline void origins_free_p(struct origins **o)
{
	origins_free(*o);
}
#define AUTO_ORIGINS __attribute__((cleanup(origins_free_p)))
/* The places of a blob, the newest first, separated by blanks; NULL: none. New string. */
char *origins_of(const struct origins *o, const struct digest *d);
