/* SPDX-License-Identifier: Apache-2.0 */
#include "build/suggest.h"

#include <string.h>

#define WORD_MAX 31 /* longer words are never typing errors of ours */

static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		c |= 0x20;
	return c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Damerau-Levenshtein, restricted: insertions, deletions, changes, and neighbours exchanged. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][WORD_MAX + 1];
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *now = rows[i % 3], *one = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t change = lower(a[i - 1]) != lower(b[j - 1]);
			now[j] = min3(now[j - 1] + 1, one[j] + 1, one[j - 1] + change);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
				lower(a[i - 2]) == lower(b[j - 1]) && two[j - 2] + 1 < now[j])
				now[j] = two[j - 2] + 1;
		}
	}
	return rows[na % 3][nb];
}

const char *suggest(const char *typed, const char *const *candidates, size_t n)
{
	size_t len = strlen(typed);
	/* one letter is like any other */
	if (len < 2 || len > WORD_MAX)
		return NULL;
	size_t best = len / 3 < 1 ? 1 : len / 3 > 3 ? 3 : len / 3;
	const char *found = NULL;
	for (size_t i = 0; i < n; i++) {
		size_t len2 = strlen(candidates[i]);
		size_t d = len2 <= WORD_MAX ? distance(typed, len, candidates[i], len2) : WORD_MAX;
		if (d < best || (d == best && !found)) {
			best = d;
			found = candidates[i];
		}
	}
	return found;
}
