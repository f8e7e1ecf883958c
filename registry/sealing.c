/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/sealing.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/landlock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stream.h"
#include "registry/layer_keys.h"

#define CONTROL_FD 3
#define CONTROL_MAX (64 * MIB) /* keys of as many layers as an image may have */
#define KEYS_MAX 64
#define EXIT_TROUBLE 125

/* --- keys --- */

struct keys {
	struct rsa_key *k[KEYS_MAX];
	size_t n;
};

static void keys_done(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		rsa_key_free(k->k[i]);
}
#define AUTO_KEYS __attribute__((cleanup(keys_done)))

static int load_keys(const struct json *request, bool private, struct keys *ret, struct err *err)
{
	const struct json *list = json_get(request, "keys");
	if (json_size(list) > KEYS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d keys", KEYS_MAX);
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *j = json_at(list, i);
		const char *pem = json_text(json_get(j, "pem")),
			   *name = json_text(json_get(j, "name")),
			   *password = json_text(json_get(j, "password"));
		if (!pem || !name)
			return err_set(err, ERR_INVALID, "a key without its text");
		int r = private ? rsa_private_load(
					  pem, strlen(pem), password, name, &ret->k[ret->n], err)
		                : rsa_public_load(pem, strlen(pem), name, &ret->k[ret->n], err);
		if (r < 0)
			return r;
		ret->n++;
	}
	return 0;
}

static void put_bytes(struct json *o, const char *key, const void *data, size_t n)
{
	AUTO_FREE char *text = base64_encode(data, n);
	json_set_string(o, key, text);
}

static struct json *key_to_json(const struct layer_key *k)
{
	struct json *o = json_new_object();
	put_bytes(o, "key", k->stream.key, sizeof(k->stream.key));
	put_bytes(o, "nonce", k->stream.nonce, sizeof(k->stream.nonce));
	put_bytes(o, "mac", k->stream.mac, sizeof(k->stream.mac));
	json_set_string(o, "digest", k->digest);
	return o;
}

static bool take_bytes(const struct json *o, const char *key, void *to, size_t n)
{
	const char *text = json_text(json_get(o, key));
	unsigned long len = 0;
	AUTO_FREE char *data = text ? base64_decode(text, &len) : NULL;
	if (!data || len != n)
		return false;
	memcpy(to, data, n);
	cipher_wipe(data, len);
	return true;
}

static int key_from_json(const struct json *o, struct layer_key *ret, struct err *err)
{
	const char *digest = json_text(json_get(o, "digest"));
	struct cipher_stream *s = &ret->stream;
	if (!take_bytes(o, "key", s->key, sizeof(s->key)) ||
		!take_bytes(o, "nonce", s->nonce, sizeof(s->nonce)) ||
		!take_bytes(o, "mac", s->mac, sizeof(s->mac)))
		return err_set(err, ERR_INVALID, "a layer's key is not complete");
	ret->digest = digest ? xstrdup(digest) : NULL;
	return 0;
}

static int unwrap(const struct json *request, struct json *reply, struct err *err)
{
	AUTO_KEYS struct keys keys = {0};
	const struct json *layers = json_get(request, "layers");
	struct json *list = json_new_array();
	json_set(reply, "layers", list);
	if (load_keys(request, true, &keys, err) < 0)
		return err->code;
	for (size_t i = 0; i < json_size(layers); i++) {
		AUTO_LAYER_KEY struct layer_key key = {0};
		const char *jwe = json_text(json_get(json_at(layers, i), "jwe")),
			   *options = json_text(json_get(json_at(layers, i), "options"));
		if (!jwe)
			return err_set(err, ERR_INVALID, "a layer without keys");
		const char *name = json_text(json_get(json_at(layers, i), "name"));
		int r = layer_key_unwrap(jwe, options, keys.k, keys.n, &key, err);
		/* the words of others, for scripts that look for them */
		struct err why = *err;
		if (r == ERR_DENIED)
			(void)err_set(err, r,
				"no suitable key unwrapper found or none of the private keys could "
				"be used for decryption: no suitable key found for decrypting "
				"layer key: - %s",
				why.msg);
		if (r < 0)
			return err_wrap(err, "decrypting layer %s", name ? name : "");
		json_add(list, key_to_json(&key));
	}
	return 0;
}

static int wrap(const struct json *request, struct json *reply, struct err *err)
{
	AUTO_KEYS struct keys keys = {0};
	const struct json *layers = json_get(request, "layers");
	struct json *list = json_new_array();
	json_set(reply, "layers", list);
	if (load_keys(request, false, &keys, err) < 0)
		return err->code;
	for (size_t i = 0; i < json_size(layers); i++) {
		AUTO_LAYER_KEY struct layer_key key = {0};
		AUTO_FREE char *jwe = NULL, *options = NULL;
		if (key_from_json(json_at(layers, i), &key, err) < 0 ||
			layer_key_wrap(&key, keys.k, keys.n, &jwe, &options, err) < 0)
			return err->code;
		struct json *o = json_new_object();
		json_set_string(o, "jwe", jwe);
		json_set_string(o, "options", options);
		json_add(list, o);
	}
	return 0;
}

/* --- content --- */

static int decrypt(const struct json *request, struct json *reply, struct err *err)
{
	AUTO_LAYER_KEY struct layer_key key = {0};
	AUTO_READER struct reader *plain = NULL;
	struct hashed encrypted;
	struct digest wanted;
	char have[DIGEST_STR_MAX];
	const char *from = json_text(json_get(request, "from"));
	int64_t size = json_int(json_get(request, "size"));
	(void)reply;
	if (!from || digest_parse(from, &wanted, err) < 0 || key_from_json(request, &key, err) < 0)
		return from ? err->code : err_set(err, ERR_INVALID, "a layer without a digest");
	AUTO_READER struct reader *in = reader_from_fd(STDIN_FILENO, "the encrypted layer");
	hashed_init(&encrypted, wanted.alg);
	AUTO_READER struct reader *hashing = reader_hashed(in, &encrypted);
	AUTO_READER struct reader *limited =
		reader_limit(hashing, (uint64_t)size, "the encrypted layer");
	AUTO_WRITER struct writer *out = writer_to_fd(STDOUT_FILENO, "the layer");
	if (reader_decrypted(limited, &key.stream, &plain, err) < 0)
		return err->code;
	int r = stream_copy(plain, out, NULL, err);
	if (r < 0 && r != ERR_CORRUPT)
		return r;
	/* that the bytes are others says more than that their HMAC is */
	struct digest got = hash_final(&encrypted.hash);
	if (encrypted.count != (uint64_t)size || !digest_equal(&got, &wanted))
		return err_set(err, ERR_CORRUPT,
			"content has digest %s, the registry or the network corrupted it",
			digest_str(&got, have));
	return r;
}

static int encrypt(const struct json *request, struct json *reply, struct err *err)
{
	AUTO_LAYER_KEY struct layer_key key = {0};
	AUTO_READER struct reader *sealed = NULL;
	struct hashed h;
	char digest[DIGEST_STR_MAX];
	(void)request;
	if (cipher_random(key.stream.key, sizeof(key.stream.key), err) < 0 ||
		cipher_random(key.stream.nonce, sizeof(key.stream.nonce), err) < 0)
		return err->code;
	AUTO_READER struct reader *in = reader_from_fd(STDIN_FILENO, "the layer");
	AUTO_WRITER struct writer *out = writer_to_fd(STDOUT_FILENO, "the encrypted layer");
	if (reader_encrypted(in, &key.stream, &sealed, err) < 0)
		return err->code;
	hashed_init(&h, DIGEST_SHA256);
	AUTO_READER struct reader *hashing = reader_hashed(sealed, &h);
	if (stream_copy(hashing, out, NULL, err) < 0)
		return err->code;
	struct digest to = hash_final(&h.hash);
	json_set(reply, "key", key_to_json(&key));
	json_set_string(reply, "to", digest_str(&to, digest));
	json_set_int(reply, "size", (int64_t)h.count);
	return 0;
}

/* --- the process --- */

static const struct {
	const char *name;
	int (*run)(const struct json *request, struct json *reply, struct err *err);
} works[] = {{"unwrap", unwrap}, {"wrap", wrap}, {"decrypt", decrypt}, {"encrypt", encrypt}};

static int run(const char *what, struct json *reply, struct err *err)
{
	AUTO_JSON struct json *request = NULL;
	AUTO_FREE char *text = NULL;
	size_t n;
	AUTO_FD int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_sys(err, "cannot open '/'");
	if (fs_read_fd(CONTROL_FD, "request", CONTROL_MAX, &text, &n, err) < 0)
		return err->code;
	int r = json_parse(text, n, "request", &request, err);
	cipher_wipe(text, n);
	/* what is foreign here is bytes; nothing is to be opened for them */
	if (r == 0)
		r = landlock_confine(top, LANDLOCK_READ, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(works); i++)
		if (streq(what, works[i].name))
			return works[i].run(request, reply, err);
	return err_set(err, ERR_INVALID, "'%s' is not what mica-remote does", what);
}

int sealing_main(const char *what)
{
	AUTO_JSON struct json *reply = json_new_object();
	struct err err = ERR_INIT;
	int r = run(what, reply, &err);
	if (r < 0) {
		struct json *e = json_new_object();
		json_set_int(e, "code", err.code);
		json_set_string(e, "message", err.msg);
		json_set(reply, "error", e);
	}
	AUTO_FREE char *text = json_dump(reply, 0);
	bool told = ftruncate(CONTROL_FD, 0) == 0 && lseek(CONTROL_FD, 0, SEEK_SET) == 0 &&
	            fs_write_all(CONTROL_FD, text, strlen(text)) == 0;
	return told && r == 0 ? 0 : EXIT_TROUBLE;
}
