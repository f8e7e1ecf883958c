/* SPDX-License-Identifier: Apache-2.0 */
#include "store/digest_set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A digest is its own hash. The all-zero digest cannot be a member; nothing has it. */
static size_t probe(const struct digest_set *s, const struct digest *d)
{
	uint64_t h;
	memcpy(&h, d->b, sizeof(h));
	size_t i = (size_t)h & (s->cap - 1);
	while (!digest_is_zero(&s->slot[i]) && !digest_equal(&s->slot[i], d))
		i = (i + 1) & (s->cap - 1);
	return i;
}

static void grow(struct digest_set *s)
{
	struct digest_set bigger = {.cap = s->cap ? s->cap * 2 : 256, .n = s->n};
	bigger.slot = xcalloc(bigger.cap, sizeof(*bigger.slot));
	for (size_t i = 0; i < s->cap; i++)
		if (!digest_is_zero(&s->slot[i]))
			bigger.slot[probe(&bigger, &s->slot[i])] = s->slot[i];
	free(s->slot);
	*s = bigger;
}

bool digest_set_add(struct digest_set *s, const struct digest *d)
{
	if (s->n * 2 >= s->cap)
		grow(s);
	size_t i = probe(s, d);
	if (!digest_is_zero(&s->slot[i]) || digest_is_zero(d))
		return false;
	s->slot[i] = *d;
	s->n++;
	return true;
}

bool digest_set_has(const struct digest_set *s, const struct digest *d)
{
	return s->n && !digest_is_zero(d) && digest_equal(&s->slot[probe(s, d)], d);
}

void digest_set_done(struct digest_set *s)
{
	free(s->slot);
	*s = (struct digest_set){0};
}
