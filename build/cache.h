/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step keys: SHA-256 over everything that decides what a step does, and nothing else. Each part is
 * fed with its kind and length, so that no two different inputs make the same bytes. Not in a key:
 * times of inputs, labels and other metadata, positions, proxies.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strv;

struct key {
	struct sha256 h;
	size_t n; /* bytes waiting in buf: most parts are tiny */
	uint8_t buf[1024];
};

/* kind also versions the key: change it when the meaning of a step changes */
void key_init(struct key *k, const char *kind);
void key_bytes(struct key *k, const void *p, size_t n);
void key_str(struct key *k, const char *s); /* NULL differs from "" */
void key_u64(struct key *k, uint64_t v);
void key_digest(struct key *k, const struct digest *d);
void key_strv(struct key *k, const struct strv *v);
struct digest key_final(struct key *k);
