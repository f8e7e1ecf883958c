/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/jwe.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "registry/cipher.h"

#define RECIPIENTS_MAX 32 /* each costs an RSA operation */
#define WRAPPED_MAX 2048 /* bytes of the largest RSA key */

/* --- base64url without padding, RFC 7515 section 2 --- */

static char *url_encode(const void *data, size_t n)
{
	char *text = base64_encode(data, n);
	for (char *c = text; *c; c++)
		*c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
	text[strcspn(text, "=")] = '\0';
	return text;
}

static char *url_decode(const char *text, size_t *ret_n)
{
	size_t n = strlen(text);
	if (strpbrk(text, "+/=") || n % 4 == 1)
		return NULL;
	AUTO_FREE char *padded = xasprintf("%s%s", text, n % 4 == 2 ? "==" : n % 4 == 3 ? "=" : "");
	for (char *c = padded; *c; c++)
		*c = (char)(*c == '-' ? '+' : *c == '_' ? '/' : *c);
	return base64_decode(padded, ret_n);
}

/* --- writing --- */

static struct json *recipient(const char *alg, const struct buf *wrapped)
{
	struct json *o = json_new_object();
	AUTO_FREE char *key = url_encode(wrapped->data, wrapped->len);
	if (alg) {
		struct json *header = json_new_object();
		json_set_string(header, "alg", alg);
		json_set(o, "header", header);
	}
	json_set_string(o, "encrypted_key", key);
	return o;
}

/* One recipient is flattened, as readers of section 7.2.2 expect it. */
static int add_recipients(struct json *top, struct rsa_key *const *keys, size_t n,
	const uint8_t *cek, struct err *err)
{
	struct json *list = json_new_array();
	json_set(top, "recipients", list);
	for (size_t i = 0; i < n; i++) {
		AUTO_BUF struct buf wrapped = BUF_INIT(WRAPPED_MAX);
		if (rsa_wrap(keys[i], cek, CIPHER_KEY, &wrapped, err) < 0)
			return err->code;
		json_add(list, recipient(n > 1 ? "RSA-OAEP" : NULL, &wrapped));
	}
	if (n == 1) {
		AUTO_FREE char *key =
			xstrdup(json_text(json_get(json_at(list, 0), "encrypted_key")));
		json_remove(top, "recipients");
		json_set_string(top, "encrypted_key", key);
	}
	return 0;
}

static void set_encoded(struct json *o, const char *key, const void *data, size_t n)
{
	AUTO_FREE char *text = url_encode(data, n);
	json_set_string(o, key, text);
}

int jwe_encrypt(struct rsa_key *const *keys, size_t n_keys, const void *text, size_t n,
	char **ret_json, struct err *err)
{
	static const char one[] = "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}",
			  many[] = "{\"enc\":\"A256GCM\"}";
	const char *header = n_keys == 1 ? one : many;
	uint8_t cek[CIPHER_KEY], iv[GCM_IV], tag[GCM_TAG];
	AUTO_JSON struct json *top = json_new_object();
	AUTO_BUF struct buf out = BUF_INIT(JWE_TEXT_MAX);
	AUTO_FREE char *protected = url_encode(header, strlen(header));
	struct gcm g = {.key = cek, .iv = iv, .aad = protected, .n_aad = strlen(protected)};
	json_set_string(top, "protected", protected);
	int r = cipher_random(cek, sizeof(cek), err);
	if (r == 0)
		r = cipher_random(iv, sizeof(iv), err);
	if (r == 0)
		r = add_recipients(top, keys, n_keys, cek, err);
	if (r == 0)
		r = gcm_encrypt(&g, text, n, &out, tag, err);
	cipher_wipe(cek, sizeof(cek));
	if (r < 0)
		return r;
	set_encoded(top, "iv", iv, sizeof(iv));
	set_encoded(top, "ciphertext", out.data, out.len);
	set_encoded(top, "tag", tag, sizeof(tag));
	*ret_json = json_dump(top, 0);
	return 0;
}

/* --- reading --- */

struct message {
	struct json *top, *header;
	const char *protected;
	char *iv, *text, *tag;
	size_t n_text;
};

static void message_done(struct message *m)
{
	json_free(m->top);
	json_free(m->header);
	free(m->iv);
	free(m->text);
	free(m->tag);
}
#define AUTO_MESSAGE __attribute__((cleanup(message_done)))

static int get_encoded(const struct json *o, const char *key, size_t wanted, char **ret,
	size_t *ret_n, struct err *err)
{
	const char *text = json_text(json_get(o, key));
	size_t n = 0;
	*ret = text ? url_decode(text, &n) : NULL;
	if (!*ret || (wanted && n != wanted))
		return err_set(err, ERR_INVALID, "the JWE has no good '%s'", key);
	*ret_n = n;
	return 0;
}

/* Its header: what we know of, and nothing that must be understood (RFC 7516 section 4.1.13). */
static int get_header(struct message *m, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	if (get_encoded(m->top, "protected", 0, &text, &n, err) < 0 ||
		json_parse(text, n, "the JWE's header", &m->header, err) < 0)
		return err->code;
	m->protected = json_text(json_get(m->top, "protected"));
	const char *enc = json_text(json_get(m->header, "enc"));
	if (!json_is(m->header, JSON_KIND_OBJECT) || !enc || !streq(enc, "A256GCM") ||
		json_get(m->header, "crit") || json_get(m->header, "zip") ||
		json_get(m->top, "aad") || json_get(m->top, "unprotected"))
		return err_set(err, ERR_UNSUPPORTED,
			"the JWE is encrypted by a method other than A256GCM");
	return 0;
}

static int message_parse(const char *json, size_t n, struct message *ret, struct err *err)
{
	size_t len;
	if (n > JWE_MAX)
		return err_set(err, ERR_LIMIT, "a JWE is larger than %d bytes", JWE_MAX);
	if (json_parse(json, n, "the JWE", &ret->top, err) < 0 || get_header(ret, err) < 0 ||
		get_encoded(ret->top, "iv", GCM_IV, &ret->iv, &len, err) < 0 ||
		get_encoded(ret->top, "tag", GCM_TAG, &ret->tag, &len, err) < 0 ||
		get_encoded(ret->top, "ciphertext", 0, &ret->text, &ret->n_text, err) < 0)
		return err->code;
	return 0;
}

/* With the key that one recipient's wrapped key may be for. 0 or ERR_DENIED. */
static int open_with(const struct message *m, const char *wrapped, size_t n, bool sha256,
	const struct rsa_key *key, struct buf *ret, struct err *err)
{
	AUTO_BUF struct buf cek = BUF_INIT(WRAPPED_MAX);
	if (rsa_unwrap(key, sha256, wrapped, n, &cek, err) < 0)
		return err->code;
	struct gcm g = {.key = (const uint8_t *)cek.data,
		.iv = (const uint8_t *)m->iv,
		.aad = m->protected,
		.n_aad = strlen(m->protected)};
	int r = cek.len == CIPHER_KEY
	                ? gcm_decrypt(&g, m->text, m->n_text, (const uint8_t *)m->tag, ret, err)
	                : err_set(err, ERR_DENIED, "the wrapped key has another size");
	cipher_wipe(cek.data, cek.len);
	return r;
}

static int try_recipient(const struct message *m, const struct json *r, struct rsa_key *const *keys,
	size_t n_keys, struct buf *ret, struct err *err)
{
	AUTO_FREE char *wrapped = NULL;
	size_t n;
	const char *alg = json_text(json_get(json_get(r, "header"), "alg"));
	if (!alg)
		alg = json_text(json_get(m->header, "alg"));
	bool sha256 = alg && streq(alg, "RSA-OAEP-256");
	if (!alg || (!sha256 && !streq(alg, "RSA-OAEP")))
		return err_set(err, ERR_DENIED, "the key is wrapped by '%.64s'", alg ? alg : "");
	if (get_encoded(r, "encrypted_key", 0, &wrapped, &n, err) < 0)
		return err->code;
	for (size_t i = 0; i < n_keys; i++)
		if (open_with(m, wrapped, n, sha256, keys[i], ret, err) == 0)
			return 0;
	return err_set(err, ERR_DENIED, "the key is wrapped for others");
}

int jwe_decrypt(const char *json, size_t n, struct rsa_key *const *keys, size_t n_keys,
	struct buf *ret, struct err *err)
{
	AUTO_MESSAGE struct message m = {0};
	buf_clear(ret);
	if (message_parse(json, n, &m, err) < 0)
		return err->code;
	const struct json *list = json_get(m.top, "recipients");
	size_t count = list ? json_size(list) : 1;
	if (count > RECIPIENTS_MAX)
		return err_set(err, ERR_LIMIT, "a JWE has more than %d recipients", RECIPIENTS_MAX);
	for (size_t i = 0; i < count; i++) {
		err_clear(err);
		if (try_recipient(&m, list ? json_at(list, i) : m.top, keys, n_keys, ret, err) == 0)
			return 0;
	}
	return err_set(err, ERR_DENIED, "JWE: No suitable private key found for decryption");
}
