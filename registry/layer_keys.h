/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of an encrypted layer, and how it travels: in annotations of the layer, wrapped for those
 * who may read it, as ocicrypt has them. Of mica-remote only.
 *	org.opencontainers.image.enc.keys.jwe   JWEs in base64, separated by commas: the secret
 *	org.opencontainers.image.enc.pubopts    base64 of JSON: the cipher and the HMAC
 */
#pragma once
#include "registry/cipher.h"

struct err;
struct rsa_key;

struct layer_key {
	struct cipher_stream stream; /* key, nonce and MAC */
	char *digest; /* of what is encrypted; as it was written, NULL: not said */
};
void layer_key_done(struct layer_key *k); /* and wipes it */
#define AUTO_LAYER_KEY __attribute__((cleanup(layer_key_done)))

/* Both new strings. */
int layer_key_wrap(const struct layer_key *k, struct rsa_key *const *keys, size_t n_keys,
	char **ret_jwe, char **ret_options, struct err *err) __attribute__((warn_unused_result));
/* options NULL: there is no such annotation. ERR_DENIED: it is for none of the keys. ERR_INVALID */
int layer_key_unwrap(const char *jwe, const char *options, struct rsa_key *const *keys,
	size_t n_keys, struct layer_key *ret, struct err *err) __attribute__((warn_unused_result));
