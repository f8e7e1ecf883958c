/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Encryption (RFC 7516, JSON serialization) as ocicrypt uses it for the keys of layers: a
 * small text for several RSA keys, "RSA-OAEP" (or RSA-OAEP-256, when reading) and "A256GCM". Of
 * mica-remote only.
 */
#pragma once
#include <stddef.h>

struct buf;
struct err;
struct rsa_key;

#define JWE_MAX (64 * 1024) /* as JSON */
#define JWE_TEXT_MAX 4096 /* what is encrypted */

/* New string: for each of the keys. */
int jwe_encrypt(struct rsa_key *const *keys, size_t n_keys, const void *text, size_t n,
	char **ret_json, struct err *err) __attribute__((warn_unused_result));
/* ERR_INVALID: not such a document. ERR_DENIED: it is for none of the keys. ret is cleared before.
 */
int jwe_decrypt(const char *json, size_t n, struct rsa_key *const *keys, size_t n_keys,
	struct buf *ret, struct err *err) __attribute__((warn_unused_result));
