/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/layer_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "registry/jwe.h"

#define CIPHER "AES_256_CTR_HMAC_SHA256"
#define JWES_MAX 16 /* in one annotation */

void layer_key_done(struct layer_key *k)
{
	cipher_wipe(&k->stream, sizeof(k->stream));
	free(k->digest);
	*k = (struct layer_key){0};
}

static void set_bytes(struct json *o, const char *key, const void *data, size_t n)
{
	AUTO_FREE char *text = base64_encode(data, n);
	json_set_string(o, key, text);
}

static int get_bytes(const struct json *o, const char *key, void *to, size_t n, struct err *err)
{
	const char *text = json_text(json_get(o, key));
	unsigned long len = 0;
	AUTO_FREE char *data = text ? base64_decode(text, &len) : NULL;
	if (!data || len != n)
		return err_set(err, ERR_INVALID,
			"the options of an encrypted layer have no '%s' of %zu bytes", key, n);
	memcpy(to, data, n);
	cipher_wipe(data, len);
	return 0;
}

int layer_key_wrap(const struct layer_key *k, struct rsa_key *const *keys, size_t n_keys,
	char **ret_jwe, char **ret_options, struct err *err)
{
	AUTO_JSON struct json *secret = json_new_object(), *options = json_new_object();
	struct json *nonce = json_new_object();
	AUTO_FREE char *jwe = NULL;
	set_bytes(secret, "symkey", k->stream.key, sizeof(k->stream.key));
	json_set_string(secret, "digest", k->digest);
	set_bytes(nonce, "nonce", k->stream.nonce, sizeof(k->stream.nonce));
	json_set(secret, "cipheroptions", nonce);
	json_set_string(options, "cipher", CIPHER);
	set_bytes(options, "hmac", k->stream.mac, sizeof(k->stream.mac));
	json_set(options, "cipheroptions", json_new_object());
	AUTO_FREE char *text = json_dump(secret, 0), *public = json_dump(options, 0);
	int r = jwe_encrypt(keys, n_keys, text, strlen(text), &jwe, err);
	cipher_wipe(text, strlen(text));
	if (r < 0)
		return r;
	*ret_jwe = base64_encode(jwe, strlen(jwe));
	*ret_options = base64_encode(public, strlen(public));
	return 0;
}

/* The nonce is taken from what is authenticated with the key, and from nowhere else. */
static int parse_secret(const struct buf *text, struct layer_key *ret, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	struct cipher_stream *s = &ret->stream;
	const char *digest = NULL;
	if (json_parse(text->data, text->len, "the key of a layer", &j, err) < 0 ||
		get_bytes(j, "symkey", s->key, sizeof(s->key), err) < 0 ||
		get_bytes(json_get(j, "cipheroptions"), "nonce", s->nonce, sizeof(s->nonce), err) <
			0 ||
		json_get_string(j, "the key of a layer", "digest", &digest, err) < 0)
		return err->code;
	ret->digest = digest ? xstrdup(digest) : NULL;
	return 0;
}

static int parse_options(const char *base64, struct layer_key *ret, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	unsigned long n = 0;
	AUTO_FREE char *text =
		base64 && strlen(base64) <= JWE_MAX ? base64_decode(base64, &n) : NULL;
	if (!text)
		return err_set(
			err, ERR_INVALID, "the options of an encrypted layer are not base64");
	if (json_parse(text, n, "the options of an encrypted layer", &j, err) < 0)
		return err->code;
	const char *cipher = json_text(json_get(j, "cipher"));
	if (!cipher || !streq(cipher, CIPHER))
		return err_set(err, ERR_UNSUPPORTED,
			"the layer is encrypted by '%.64s', only '" CIPHER "' is supported",
			cipher ? cipher : "");
	return get_bytes(j, "hmac", ret->stream.mac, sizeof(ret->stream.mac), err);
}

static int open_one(const char *base64, struct rsa_key *const *keys, size_t n_keys, struct buf *ret,
	struct err *err)
{
	unsigned long n = 0;
	AUTO_FREE char *jwe = strlen(base64) <= 2 * JWE_MAX ? base64_decode(base64, &n) : NULL;
	return jwe ? jwe_decrypt(jwe, n, keys, n_keys, ret, err)
	           : err_set(err, ERR_INVALID, "a key of an encrypted layer is not base64");
}

int layer_key_unwrap(const char *jwe, const char *options, struct rsa_key *const *keys,
	size_t n_keys, struct layer_key *ret, struct err *err)
{
	AUTO_STRV struct strv list = STRV_INIT;
	AUTO_BUF struct buf text = BUF_INIT(JWE_TEXT_MAX);
	strv_split(&list, jwe, ',');
	if (list.n > JWES_MAX)
		return err_set(err, ERR_LIMIT, "a layer has keys in more than %d JWEs", JWES_MAX);
	int r = ERR_DENIED;
	for (size_t i = 0; i < list.n && r < 0; i++) {
		err_clear(err);
		r = open_one(list.v[i], keys, n_keys, &text, err);
	}
	if (r == 0)
		r = parse_secret(&text, ret, err);
	if (text.data)
		cipher_wipe(text.data, text.len);
	return r < 0 ? r : parse_options(options, ret, err);
}
