/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_match.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PAIRS_MAX 4000000 /* more texts than in any file: then by their equal texts alone */
#define EQUAL 2000
#define LIKE_MAX 1000
#define LIKE_MIN 350 /* of LIKE_MAX: less is another instruction */

/* How much of two texts of one instruction is the same at both ends. */
static unsigned likeness(const char *a, const char *b)
{
	size_t word = strcspn(a, " \t");
	if (word != strcspn(b, " \t") || strncasecmp(a, b, word) != 0)
		return 0;
	a += word;
	b += word;
	size_t na = strlen(a), nb = strlen(b), shorter = na < nb ? na : nb, front = 0, back = 0;
	while (front < shorter && a[front] == b[front])
		front++;
	while (back < shorter - front && a[na - 1 - back] == b[nb - 1 - back])
		back++;
	/* the blank in front is no likeness */
	size_t same = front + back - (front > 0), all = na + nb - 2 * (front > 0);
	unsigned like = all ? (unsigned)(2 * same * LIKE_MAX / all) : LIKE_MAX;
	return like < LIKE_MIN ? 0 : like;
}

static unsigned score(const char *a, const char *b)
{
	return streq(a, b) ? EQUAL : likeness(a, b);
}

/* The pairs, in one order in both, with the highest sum of scores. */
static void align(
	const char *const *now, size_t n, const char *const *before, size_t m, size_t *ret)
{
	size_t wide = m + 1;
	uint32_t *best = xcalloc((n + 1) * wide, sizeof(*best));
	uint16_t *pair = xcalloc(n * m + 1, sizeof(*pair));
	for (size_t i = n; i-- > 0;)
		for (size_t k = m; k-- > 0;) {
			uint32_t skip = best[(i + 1) * wide + k];
			uint32_t other = best[i * wide + k + 1];
			uint32_t with = best[(i + 1) * wide + k + 1];
			pair[i * m + k] = (uint16_t)score(now[i], before[k]);
			with = pair[i * m + k] ? with + pair[i * m + k] : 0;
			skip = skip > other ? skip : other;
			best[i * wide + k] = with > skip ? with : skip;
		}
	for (size_t i = 0, k = 0; i < n && k < m;) {
		uint32_t here = best[i * wide + k];
		if (pair[i * m + k] && here == best[(i + 1) * wide + k + 1] + pair[i * m + k])
			ret[i++] = k++;
		else if (here == best[(i + 1) * wide + k])
			i++;
		else
			k++;
	}
	free(best);
	free(pair);
}

static void find_moved(
	const char *const *now, size_t n, const char *const *before, size_t m, size_t *ret)
{
	bool *taken = xcalloc(m + 1, sizeof(*taken));
	for (size_t i = 0; i < n; i++)
		if (ret[i] != STEP_NEW)
			taken[ret[i]] = true;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m && ret[i] == STEP_NEW; k++)
			if (!taken[k] && streq(now[i], before[k])) {
				taken[k] = true;
				ret[i] = k;
			}
	free(taken);
}

void step_match(
	const char *const *now, size_t n, const char *const *before, size_t n_before, size_t *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = STEP_NEW;
	if (n_before && n <= PAIRS_MAX / n_before)
		align(now, n, before, n_before, ret);
	find_moved(now, n, before, n_before, ret);
}
