/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When things were last used: the mtime of the cache record, of the image's manifest, of the cache
 * mount's directory. It is set again when it is more than a minute old, without a sync: a use costs
 * a stat, and what a power cut takes back is at worst the record itself, that is a cache miss
 * (see recover.c).
 */
#pragma once
#include <stdint.h>

struct store;

#define USED_PRECISION_S 60

/* path: below the store. Unix seconds; 0: there is no such file */
int64_t used_at(const struct store *s, const char *path);
void used_now(const struct store *s, const char *path);
