/* SPDX-License-Identifier: Apache-2.0 */
/* Digests as values, and the running hashes (OpenSSL libcrypto, the only user of it). image-spec
 * descriptor.md "Digests": sha256 is what we make, sha512 is read wherever others wrote it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define DIGEST_HEX_LEN 64 /* of sha256 */
#define DIGEST_HEX_MAX 128 /* of sha512 */
#define DIGEST_PREFIX_LEN 7 /* "sha256:", "sha512:" */
#define DIGEST_STR_MAX (DIGEST_PREFIX_LEN + DIGEST_HEX_MAX + 1)

enum digest_alg { DIGEST_SHA256, DIGEST_SHA512 };

struct digest {
	uint8_t b[64]; /* of sha256 the first 32, then zeros */
	uint8_t alg;
};

/* "sha256:<64 lower case hex>", "sha512:<128 lower case hex>" and nothing else. ERR_INVALID;
 * ERR_UNSUPPORTED for another registered algorithm. */
int digest_parse(const char *s, struct digest *ret, struct err *err)
	__attribute__((warn_unused_result));
/* 64 lower case hexadecimal digits, of sha256, or 128, of sha512 */
bool digest_parse_hex(const char *hex, struct digest *ret);
/* Past the "sha256:" or "sha512:" that text begins with; text when it does with neither. */
const char *digest_skip_prefix(const char *text);
const char *digest_alg_name(enum digest_alg alg);
/* bytes that count */
size_t digest_size(const struct digest *d);
/* "sha256:..."; buf of at least DIGEST_STR_MAX; returns buf */
char *digest_str(const struct digest *d, char buf[DIGEST_STR_MAX]);
/* only the digits */
char *digest_hex(const struct digest *d, char buf[DIGEST_STR_MAX]);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *d);
int digest_cmp(const struct digest *a, const struct digest *b);
/* of n bytes in memory, by sha256 */
struct digest digest_of(const void *p, size_t n);
struct digest digest_of_as(enum digest_alg alg, const void *p, size_t n);

struct sha256 {
	union {
		uint64_t align;
		unsigned char state[128];
	} u;
};
void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *p, size_t n);
struct digest sha256_final(
	struct sha256 *h); /* of what came so far; the state may not be used after */

/* The same with the algorithm of a digest that others chose. */
struct hash {
	enum digest_alg alg;
	union {
		uint64_t align;
		struct sha256 sha256;
		unsigned char sha512[224];
	} u;
};
void hash_init(struct hash *h, enum digest_alg alg);
void hash_update(struct hash *h, const void *p, size_t n);
struct digest hash_final(struct hash *h);
