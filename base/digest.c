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
	struct digest d;
	if (strnlen(hex, DIGEST_HEX_LEN + 1) != DIGEST_HEX_LEN)
		return false;
	for (size_t i = 0; i < sizeof(d.b); i++) {
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
	if (str_has_prefix(s, "sha256:") && digest_parse_hex(s + 7, ret))
		return 0;
	if (str_has_prefix(s, "sha512:") || str_has_prefix(s, "sha384:") ||
		str_has_prefix(s, "blake3:"))
		return err_set(err, ERR_UNSUPPORTED, "digest '%.80s': only sha256 is supported", s);
	return err_set(err, ERR_INVALID,
		"'%.80s' is not a digest (sha256: and 64 lower case hexadecimal digits)", s);
}

static void put_hex(const struct digest *d, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < sizeof(d->b); i++) {
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
	put_hex(d, stpcpy(buf, "sha256:"));
	return buf;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

int digest_cmp(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
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
	struct digest d;
	SHA256_Final(d.b, ctx(h));
	return d;
}

struct digest digest_of(const void *p, size_t n)
{
	struct sha256 h;
	sha256_init(&h);
	sha256_update(&h, p, n);
	return sha256_final(&h);
}
