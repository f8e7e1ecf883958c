/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache.h"

#include "base/map.h"
#include "base/strv.h"

#include <string.h>

static void part(struct key *k, char kind, const void *p, size_t n)
{
	uint8_t head[9] = {(uint8_t)kind};
	for (unsigned i = 0; i < 8; i++)
		head[1 + i] = (uint8_t)((uint64_t)n >> (8 * i));
	sha256_update(&k->h, head, sizeof(head));
	sha256_update(&k->h, p, n);
}

void key_init(struct key *k, const char *kind)
{
	sha256_init(&k->h);
	key_str(k, "mica step 1");
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
	uint8_t b[8];
	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	part(k, 'n', b, sizeof(b));
}

void key_digest(struct key *k, const struct digest *d)
{
	part(k, 'd', d->b, sizeof(d->b));
}

void key_strv(struct key *k, const struct strv *v)
{
	key_u64(k, v->n);
	for (size_t i = 0; i < v->n; i++)
		key_str(k, v->v[i]);
}

void key_map(struct key *k, const struct map *m)
{
	AUTO_MAP struct map sorted = MAP_INIT;
	map_copy(&sorted, m);
	map_sort(&sorted);
	key_u64(k, sorted.n);
	MAP_FOREACH (e, &sorted) {
		key_str(k, e->key);
		key_str(k, e->value);
	}
}

struct digest key_final(struct key *k)
{
	return sha256_final(&k->h);
}
