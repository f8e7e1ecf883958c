/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encryption, by OpenSSL's libcrypto: what encrypted layers need of it and no more. Of mica-remote
 * only: with all that libcrypto brings, mica would take a millisecond longer to start.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct reader;

#define CIPHER_KEY 32 /* AES-256 */
#define CIPHER_NONCE 16 /* of the counter mode: a block */
#define CIPHER_MAC 32 /* HMAC-SHA256 */
#define GCM_IV 12
#define GCM_TAG 16

int cipher_random(void *p, size_t n, struct err *err) __attribute__((warn_unused_result));
void cipher_wipe(void *p, size_t n);

/* --- a stream: AES-256-CTR, with HMAC-SHA256 by the same key over what is encrypted --- */

struct cipher_stream {
	uint8_t key[CIPHER_KEY], nonce[CIPHER_NONCE];
	uint8_t mac[CIPHER_MAC]; /* to be found at the end, or (encrypting) set there */
};
/* What is read is the plain text of what is read from `below`. At the end ERR_CORRUPT when the MAC
 * is another: nothing that came may be used before the end was seen. */
int reader_decrypted(struct reader *below, const struct cipher_stream *c, struct reader **ret,
	struct err *err) __attribute__((warn_unused_result));
/* The other way; c->mac is set at the end, and c must outlive the filter. */
int reader_encrypted(struct reader *below, struct cipher_stream *c, struct reader **ret,
	struct err *err) __attribute__((warn_unused_result));

/* --- AES-256-GCM of a text; aad: what is authenticated with it --- */

struct gcm {
	const uint8_t *key, *iv; /* CIPHER_KEY and GCM_IV bytes */
	const char *aad;
	size_t n_aad;
};
int gcm_encrypt(const struct gcm *g, const void *text, size_t n, struct buf *ret,
	uint8_t ret_tag[GCM_TAG], struct err *err) __attribute__((warn_unused_result));
/* ERR_DENIED: the tag, or the key, is another. */
int gcm_decrypt(const struct gcm *g, const void *text, size_t n, const uint8_t tag[GCM_TAG],
	struct buf *ret, struct err *err) __attribute__((warn_unused_result));

/* --- RSA, from PEM --- */

struct rsa_key;
/* what: for messages. ERR_INVALID: no such key. */
int rsa_public_load(const char *pem, size_t n, const char *what, struct rsa_key **ret,
	struct err *err) __attribute__((warn_unused_result));
/* password NULL: none is known. ERR_DENIED: it needs one, or another. */
int rsa_private_load(const char *pem, size_t n, const char *password, const char *what,
	struct rsa_key **ret, struct err *err) __attribute__((warn_unused_result));
void rsa_key_free(struct rsa_key *k); /* accepts NULL */
/* OAEP of a key, with SHA-1 as RFC 7518 has it for "RSA-OAEP", or SHA-256. */
int rsa_wrap(const struct rsa_key *k, const void *key, size_t n, struct buf *ret, struct err *err)
	__attribute__((warn_unused_result));
/* ERR_DENIED: it was wrapped for another. */
int rsa_unwrap(const struct rsa_key *k, bool sha256, const void *wrapped, size_t n, struct buf *ret,
	struct err *err) __attribute__((warn_unused_result));
