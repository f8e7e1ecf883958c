/* SPDX-License-Identifier: Apache-2.0 */
/* How much a cache mount of RUN may take, by its id: limits.json. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct err;
struct store;

/* Bytes; 0: there is no limit. */
uint64_t cache_limit_of(struct store *s, const char *id);
/* bytes 0 takes it away. */
int cache_limit_set(struct store *s, const char *id, uint64_t bytes, struct err *err)
	__attribute__((warn_unused_result));
/* Empties mounts/name, which its last user has just left, if it takes more than its limit.
 * *ret_took: what it took then, else 0. One that somebody uses stays until they leave. */
int cache_limit_apply(struct store *s, const char *name, uint64_t *ret_took, struct err *err)
	__attribute__((warn_unused_result));
