/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/cipher.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"

#define CHUNK_MAX (1 * MIB) /* OpenSSL counts in int */

int cipher_random(void *p, size_t n, struct err *err)
{
	return n <= CHUNK_MAX && RAND_bytes(p, (int)n) == 1
	               ? 0
	               : err_set(err, ERR_SYS, "cannot get random bytes");
}

void cipher_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

static int failed(const char *what, struct err *err)
{
	ERR_clear_error();
	return err_set(err, ERR_SYS, "OpenSSL cannot %s", what);
}

/* --- streams --- */

struct stream {
	struct reader r;
	struct reader *below;
	struct cipher_stream *out; /* NULL: decrypting */
	uint8_t expected[CIPHER_MAC];
	EVP_CIPHER_CTX *cipher;
	EVP_MAC *kind;
	EVP_MAC_CTX *mac;
	bool over;
};

static void stream_free(struct reader *r)
{
	struct stream *s = (struct stream *)r;
	EVP_CIPHER_CTX_free(s->cipher);
	EVP_MAC_CTX_free(s->mac);
	EVP_MAC_free(s->kind);
	free(s);
}

static ssize_t stream_end(struct stream *s, struct err *err)
{
	uint8_t mac[CIPHER_MAC];
	size_t n = 0;
	if (s->over)
		return 0;
	if (EVP_MAC_final(s->mac, mac, &n, sizeof(mac)) != 1 || n != sizeof(mac))
		return failed("finish an HMAC", err);
	s->over = true;
	if (s->out)
		memcpy(s->out->mac, mac, sizeof(mac));
	else if (CRYPTO_memcmp(mac, s->expected, sizeof(mac)) != 0)
		return err_set(err, ERR_CORRUPT,
			"the encrypted content is not what was encrypted (its HMAC is another)");
	return 0;
}

static ssize_t stream_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct stream *s = (struct stream *)r;
	ssize_t got = reader_read(s->below, p, n < CHUNK_MAX ? n : CHUNK_MAX, err);
	int len = 0;
	if (got <= 0)
		return got < 0 ? got : stream_end(s, err);
	/* in place; the MAC is of what is encrypted */
	bool ok = s->out || EVP_MAC_update(s->mac, p, (size_t)got) == 1;
	ok = ok && EVP_CipherUpdate(s->cipher, p, &len, p, (int)got) == 1 && len == got;
	ok = ok && (!s->out || EVP_MAC_update(s->mac, p, (size_t)got) == 1);
	return ok ? got : failed("encrypt or decrypt", err);
}

static int stream_new(struct reader *below, const struct cipher_stream *c,
	struct cipher_stream *out, struct reader **ret, struct err *err)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
	s->r = (struct reader){.read = stream_read, .free = stream_free};
	s->below = below;
	s->out = out;
	memcpy(s->expected, c->mac, sizeof(s->expected));
	s->cipher = EVP_CIPHER_CTX_new();
	s->kind = EVP_MAC_fetch(NULL, "HMAC", NULL);
	s->mac = s->kind ? EVP_MAC_CTX_new(s->kind) : NULL;
	if (!s->cipher || !s->mac ||
		EVP_CipherInit_ex(
			s->cipher, EVP_aes_256_ctr(), NULL, c->key, c->nonce, out != NULL) != 1 ||
		EVP_MAC_init(s->mac, c->key, sizeof(c->key), params) != 1) {
		stream_free(&s->r);
		return failed("start AES-256-CTR", err);
	}
	*ret = &s->r;
	return 0;
}

int reader_decrypted(
	struct reader *below, const struct cipher_stream *c, struct reader **ret, struct err *err)
{
	return stream_new(below, c, NULL, ret, err);
}

int reader_encrypted(
	struct reader *below, struct cipher_stream *c, struct reader **ret, struct err *err)
{
	return stream_new(below, c, c, ret, err);
}

/* --- GCM --- */

/* One text, with its header first. false: OpenSSL cannot. */
static bool gcm_run(EVP_CIPHER_CTX *c, const struct gcm *g, bool encrypt, const void *text,
	size_t n, struct buf *ret)
{
	int len = 0;
	if (n > CHUNK_MAX || g->n_aad > CHUNK_MAX ||
		EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, g->key, g->iv, encrypt) != 1 ||
		EVP_CipherUpdate(c, NULL, &len, (const uint8_t *)g->aad, (int)g->n_aad) != 1)
		return false;
	AUTO_FREE uint8_t *out = xmalloc(n ? n : 1);
	bool ok = EVP_CipherUpdate(c, out, &len, text, (int)n) == 1 && (size_t)len == n;
	if (ok)
		buf_add(ret, out, n);
	OPENSSL_cleanse(out, n);
	return ok;
}

int gcm_encrypt(const struct gcm *g, const void *text, size_t n, struct buf *ret,
	uint8_t ret_tag[GCM_TAG], struct err *err)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t rest[CIPHER_NONCE];
	int len = 0;
	bool ok = c && gcm_run(c, g, true, text, n, ret) &&
	          EVP_EncryptFinal_ex(c, rest, &len) == 1 &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, GCM_TAG, ret_tag) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok ? 0 : failed("encrypt with AES-256-GCM", err);
}

int gcm_decrypt(const struct gcm *g, const void *text, size_t n, const uint8_t tag[GCM_TAG],
	struct buf *ret, struct err *err)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t rest[CIPHER_NONCE], copy[GCM_TAG];
	int len = 0;
	memcpy(copy, tag, sizeof(copy));
	bool ok = c && gcm_run(c, g, false, text, n, ret) &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, GCM_TAG, copy) == 1 &&
	          EVP_DecryptFinal_ex(c, rest, &len) == 1;
	EVP_CIPHER_CTX_free(c);
	if (ok)
		return 0;
	buf_clear(ret); /* what is not authentic is nobody's to see */
	ERR_clear_error();
	return err_set(err, ERR_DENIED, "the tag of an encrypted text is another");
}

/* --- RSA --- */

struct rsa_key {
	EVP_PKEY *pkey;
};

void rsa_key_free(struct rsa_key *k)
{
	if (k)
		EVP_PKEY_free(k->pkey);
	free(k);
}

static int take_key(EVP_PKEY *pkey, const char *what, struct rsa_key **ret, struct err *err)
{
	ERR_clear_error();
	if (!EVP_PKEY_is_a(pkey, "RSA")) {
		EVP_PKEY_free(pkey);
		return err_set(err, ERR_UNSUPPORTED,
			"'%s' is no RSA key, and layers are encrypted for such keys only", what);
	}
	struct rsa_key *k = xcalloc(1, sizeof(*k));
	k->pkey = pkey;
	*ret = k;
	return 0;
}

int rsa_public_load(
	const char *pem, size_t n, const char *what, struct rsa_key **ret, struct err *err)
{
	BIO *bio = n <= CHUNK_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	if (pkey)
		return take_key(pkey, what, ret, err);
	ERR_clear_error();
	return err_set(err, ERR_INVALID, "'%s' is no public key in PEM", what);
}

struct password {
	const char *text;
	bool asked;
};

/* Never asks at a terminal. */
static int give_password(char *to, int size, int writing, void *arg)
{
	struct password *p = arg;
	size_t n = p->text ? strlen(p->text) : 0;
	(void)writing;
	p->asked = true;
	if (!p->text || n > (size_t)size)
		return -1;
	memcpy(to, p->text, n);
	return (int)n;
}

int rsa_private_load(const char *pem, size_t n, const char *password, const char *what,
	struct rsa_key **ret, struct err *err)
{
	struct password p = {.text = password};
	BIO *bio = n <= CHUNK_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password, &p) : NULL;
	BIO_free(bio);
	if (pkey)
		return take_key(pkey, what, ret, err);
	ERR_clear_error();
	if (p.asked)
		return err_set(err, ERR_DENIED, "the private key '%s' needs %s password", what,
			password ? "another" : "a");
	return err_set(err, ERR_INVALID, "'%s' is no private key in PEM", what);
}

static EVP_PKEY_CTX *oaep(const struct rsa_key *k, bool encrypt, bool sha256)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k->pkey, NULL);
	const EVP_MD *md = sha256 ? EVP_sha256() : EVP_sha1();
	if (c && (encrypt ? EVP_PKEY_encrypt_init(c) : EVP_PKEY_decrypt_init(c)) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_oaep_md(c, md) == 1 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md(c, md) == 1)
		return c;
	EVP_PKEY_CTX_free(c);
	return NULL;
}

int rsa_wrap(const struct rsa_key *k, const void *key, size_t n, struct buf *ret, struct err *err)
{
	EVP_PKEY_CTX *c = oaep(k, true, false);
	size_t len = (size_t)EVP_PKEY_get_size(k->pkey);
	AUTO_FREE uint8_t *out = xmalloc(len ? len : 1);
	bool ok = c && EVP_PKEY_encrypt(c, out, &len, key, n) == 1;
	EVP_PKEY_CTX_free(c);
	if (!ok)
		return failed("wrap a key", err);
	buf_add(ret, out, len);
	return 0;
}

int rsa_unwrap(const struct rsa_key *k, bool sha256, const void *wrapped, size_t n, struct buf *ret,
	struct err *err)
{
	EVP_PKEY_CTX *c = oaep(k, false, sha256);
	size_t size = (size_t)EVP_PKEY_get_size(k->pkey), len = size;
	AUTO_FREE uint8_t *out = xmalloc(size ? size : 1);
	bool ok = c && EVP_PKEY_decrypt(c, out, &len, wrapped, n) == 1;
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	if (ok)
		buf_add(ret, out, len);
	OPENSSL_cleanse(out, size);
	return ok ? 0 : err_set(err, ERR_DENIED, "the key was wrapped for another");
}
