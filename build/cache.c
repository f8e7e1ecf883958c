/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache.h"

#include "base/strv.h"

#include <string.h>

static void feed(struct key *k, const void *p, size_t n)
{
	if (n > sizeof(k->buf) - k->n) {
		sha256_update(&k->h, k->buf, k->n);
		k->n = 0;
	}
	if (n > sizeof(k->buf)) {
		sha256_update(&k->h, p, n);
		return;
	}
	memcpy(k->buf + k->n, p, n);
	k->n += n;
}

/* Seven bits a byte, least significant first: one encoding for each number. */
static void feed_number(struct key *k, uint8_t kind, uint64_t v)
{
	uint8_t b[11] = {kind};
	size_t n = 1;
	for (; v >= 0x80; v >>= 7)
		b[n++] = (uint8_t)(v | 0x80);
	b[n++] = (uint8_t)v;
	feed(k, b, n);
}

static void part(struct key *k, char kind, const void *p, size_t n)
{
	feed_number(k, (uint8_t)kind, n);
	feed(k, p, n);
}

void key_init(struct key *k, const char *kind)
{
	sha256_init(&k->h);
	k->n = 0;
	key_str(k, "mica step 2");
	key_str(k, kind);
}

void key_bytes(struct key *k, const void *p, size_t n)
{
	part(k, 'b', p, n);
}

void key_str(struct key *k, const char *s)
{
	part(k, s ? 's' : '0', s ? s : "", s ? strlen(s) : 0);
}

void key_u64(struct key *k, uint64_t v)
{
	feed_number(k, 'n', v);
}

void key_digest(struct key *k, const struct digest *d)
{
	part(k, 'd', d->b, digest_size(d));
}

void key_strv(struct key *k, const struct strv *v)
{
	key_u64(k, v->n);
	for (size_t i = 0; i < v->n; i++)
		key_str(k, v->v[i]);
}

struct digest key_final(struct key *k)
{
	sha256_update(&k->h, k->buf, k->n);
	return sha256_final(&k->h);
}
