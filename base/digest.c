/* SPDX-License-Identifier: Apache-2.0 */
/* The low-level SHA256_* calls need no provider lookup, which EVP does at the price of a
 * millisecond at start-up; they use SHA-NI just the same. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include "base/err.h"
#include "base/mem.h"

#include <openssl/sha.h>
#include <string.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "struct sha256 holds OpenSSL's state");
_Static_assert(sizeof(SHA512_CTX) <= sizeof(((struct hash *)NULL)->u.sha512),
	"struct hash holds OpenSSL's state");

/* by enum digest_alg */
static const struct {
	const char *name;
	size_t size;
} algorithms[] = {[DIGEST_SHA256] = {"sha256", 32}, [DIGEST_SHA512] = {"sha512", 64}};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool digest_parse_hex(const char *hex, struct digest *ret)
{
	struct digest d = {0};
	size_t n = strnlen(hex, DIGEST_HEX_MAX + 1);
	if (n != DIGEST_HEX_LEN && n != DIGEST_HEX_MAX)
		return false;
	d.alg = n == DIGEST_HEX_MAX ? DIGEST_SHA512 : DIGEST_SHA256;
	for (size_t i = 0; i < n / 2; i++) {
		int hi = hex_value(hex[2 * i]), lo = hex_value(hex[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		d.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*ret = d;
	return true;
}

int digest_parse(const char *s, struct digest *ret, struct err *err)
{
	struct digest d;
	if (digest_parse_hex(digest_skip_prefix(s), &d) && s[DIGEST_PREFIX_LEN - 1] == ':' &&
		str_has_prefix(s, algorithms[d.alg].name)) {
		*ret = d;
		return 0;
	}
	if (str_has_prefix(s, "sha384:") || str_has_prefix(s, "blake3:"))
		return err_set(err, ERR_UNSUPPORTED,
			"digest '%.80s': only sha256 and sha512 are supported", s);
	return err_set(err, ERR_INVALID,
		"'%.80s' is not a digest (sha256: and 64 lower case hexadecimal digits, or sha512: "
		"and 128)",
		s);
}

const char *digest_skip_prefix(const char *text)
{
	return str_has_prefix(text, "sha256:") || str_has_prefix(text, "sha512:")
	               ? text + DIGEST_PREFIX_LEN
	               : text;
}

const char *digest_alg_name(enum digest_alg alg)
{
	return algorithms[alg].name;
}

size_t digest_size(const struct digest *d)
{
	return algorithms[d->alg].size;
}

static void put_hex(const struct digest *d, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < digest_size(d); i++) {
		*out++ = digits[d->b[i] >> 4];
		*out++ = digits[d->b[i] & 15];
	}
	*out = '\0';
}

char *digest_hex(const struct digest *d, char buf[DIGEST_STR_MAX])
{
	put_hex(d, buf);
	return buf;
}

char *digest_str(const struct digest *d, char buf[DIGEST_STR_MAX])
{
	put_hex(d, stpcpy(stpcpy(buf, algorithms[d->alg].name), ":"));
	return buf;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int digest_cmp(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a));
}

bool digest_is_zero(const struct digest *d)
{
	static const struct digest zero;
	return digest_equal(d, &zero);
}

static SHA256_CTX *ctx(struct sha256 *h)
{
	return (SHA256_CTX *)(void *)h->u.state;
}

void sha256_init(struct sha256 *h)
{
	SHA256_Init(ctx(h));
}

void sha256_update(struct sha256 *h, const void *p, size_t n)
{
	SHA256_Update(ctx(h), p, n);
}

struct digest sha256_final(struct sha256 *h)
{
	struct digest d = {.alg = DIGEST_SHA256};
	SHA256_Final(d.b, ctx(h));
	return d;
}

static SHA512_CTX *ctx512(struct hash *h)
{
	return (SHA512_CTX *)(void *)h->u.sha512;
}

void hash_init(struct hash *h, enum digest_alg alg)
{
	h->alg = alg;
	if (alg == DIGEST_SHA512)
		SHA512_Init(ctx512(h));
	else
		sha256_init(&h->u.sha256);
}

void hash_update(struct hash *h, const void *p, size_t n)
{
	if (h->alg == DIGEST_SHA512)
		SHA512_Update(ctx512(h), p, n);
	else
		sha256_update(&h->u.sha256, p, n);
}

struct digest hash_final(struct hash *h)
{
	struct digest d = {.alg = DIGEST_SHA512};
	if (h->alg != DIGEST_SHA512)
		return sha256_final(&h->u.sha256);
	SHA512_Final(d.b, ctx512(h));
	return d;
}

struct digest digest_of(const void *p, size_t n)
{
	return digest_of_as(DIGEST_SHA256, p, n);
}

struct digest digest_of_as(enum digest_alg alg, const void *p, size_t n)
{
	struct hash h;
	hash_init(&h, alg);
	hash_update(&h, p, n);
	return hash_final(&h);
}
