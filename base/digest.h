/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 digests as values, and the running hash (OpenSSL libcrypto, the only user of it).
 * image-spec descriptor.md "Digests". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define DIGEST_HEX_LEN 64
#define DIGEST_STR_MAX 72 /* "sha256:" + 64 + NUL */

struct digest {
	uint8_t b[32];
};

/* "sha256:<64 lower case hex>" and nothing else. ERR_INVALID; ERR_UNSUPPORTED for another
 * registered algorithm. */
int digest_parse(const char *s, struct digest *ret, struct err *err)
	__attribute__((warn_unused_result));
/* 64 lower case hexadecimal digits */
bool digest_parse_hex(const char *hex, struct digest *ret);
/* "sha256:..."; buf of at least DIGEST_STR_MAX; returns buf */
char *digest_str(const struct digest *d, char buf[DIGEST_STR_MAX]);
/* only the 64 digits */
char *digest_hex(const struct digest *d, char buf[DIGEST_STR_MAX]);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *d);
int digest_cmp(const struct digest *a, const struct digest *b);
/* of n bytes in memory */
struct digest digest_of(const void *p, size_t n);

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
