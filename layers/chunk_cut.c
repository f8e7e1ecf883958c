/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/chunk_cut.h"

#include <string.h>

#include "base/err.h"

#define OFFSET 31 /* added to each byte: zeros count, too */
#define MASK 0xffffU /* a chunk ends where these bits of the checksum are set */
#define HOLE 1024 /* zeros that are a chunk of their own */

void chunk_cut_begin(struct chunk_cut *c)
{
	memset(c->window, 0, sizeof(c->window));
	c->sum = CHUNK_WINDOW * OFFSET;
	c->weighted = CHUNK_WINDOW * (CHUNK_WINDOW - 1) * OFFSET;
	c->at = 0;
	c->zeros = 0;
}

/* true: a chunk ends behind this byte */
static bool roll(struct chunk_cut *c, uint8_t byte)
{
	const uint32_t gone = c->window[c->at];

	c->sum += byte - gone;
	c->weighted += c->sum - CHUNK_WINDOW * (gone + OFFSET);
	c->window[c->at] = byte;
	c->at = (c->at + 1) % CHUNK_WINDOW;
	return (c->weighted & MASK) == MASK;
}

static int put_zeros(struct chunk_cut *c, uint64_t n, bool hole, struct err *err)
{
	static const uint8_t zeros[16384];

	for (size_t part; n; n -= part) {
		part = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);
		if (c->put(c->arg, zeros, part, hole, err) < 0)
			return err->code;
	}
	return 0;
}

/* The zeros that were held back. A window full of them changes by no more. */
static int flush(struct chunk_cut *c, struct err *err)
{
	const uint64_t n = c->zeros;
	uint64_t since = 0; /* the last cut */

	c->zeros = 0;
	for (uint64_t i = 0; i < n && i < HOLE; i++) {
		bool cut = roll(c, 0);
		if (n >= HOLE || !cut)
			continue;
		if (put_zeros(c, i + 1 - since, false, err) < 0 ||
			c->put(c->arg, NULL, 0, false, err) < 0)
			return err->code;
		since = i + 1;
	}
	if (n < HOLE)
		return put_zeros(c, n - since, false, err);
	if (c->put(c->arg, NULL, 0, false, err) < 0 || put_zeros(c, n, true, err) < 0)
		return err->code;
	return c->put(c->arg, NULL, 0, true, err);
}

static int cut_behind(
	struct chunk_cut *c, const uint8_t *p, size_t i, size_t *from, struct err *err)
{
	if (c->put(c->arg, p + *from, i + 1 - *from, false, err) < 0)
		return err->code;
	*from = i + 1;
	return c->put(c->arg, NULL, 0, false, err);
}

static size_t zeros_at(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && !p[i])
		i++;
	return i;
}

int chunk_cut_write(struct chunk_cut *c, const uint8_t *p, size_t n, struct err *err)
{
	size_t from = 0; /* what is not put yet */

	for (size_t i = 0; i < n; i++) {
		size_t zeros = zeros_at(p + i, n - i);
		if (zeros && (c->zeros || zeros >= HOLE || i + zeros == n)) {
			if (i > from && c->put(c->arg, p + from, i - from, false, err) < 0)
				return err->code;
			c->zeros += zeros;
			from = i += zeros;
			if (i == n)
				break;
			zeros = 0;
		}
		if (c->zeros && flush(c, err) < 0)
			return err->code;
		for (const size_t end = i + zeros; i < end; i++)
			if (roll(c, 0) && cut_behind(c, p, i, &from, err) < 0)
				return err->code;
		if (roll(c, p[i]) && cut_behind(c, p, i, &from, err) < 0)
			return err->code;
	}
	return n > from ? c->put(c->arg, p + from, n - from, false, err) : 0;
}

int chunk_cut_end(struct chunk_cut *c, struct err *err)
{
	return c->zeros && flush(c, err) < 0 ? err->code : c->put(c->arg, NULL, 0, false, err);
}
