/* SPDX-License-Identifier: Apache-2.0 */
/* A set of digests, for marking. Zero-initialised is empty. */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>

struct digest_set {
	struct digest *slot; /* open addressing; all zero is free */
	size_t n;
	size_t cap; /* a power of two */
};

/* false: it was there */
bool digest_set_add(struct digest_set *s, const struct digest *d);
bool digest_set_has(const struct digest_set *s, const struct digest *d);
void digest_set_done(struct digest_set *s);
