/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* One character of a class or of the pattern, an escape taken off; -1 when the pattern is malformed
 * there. */
static int64_t escaped_rune(const char **p, const char *end)
{
	if (*p == end)
		return -1;
	if (**p == '\\' && ++*p == end)
		return -1;
	uint32_t rune;
	*p += utf8_decode(*p, (size_t)(end - *p), &rune);
	return rune;
}

/* A class bound: '-' and ']' must be escaped in it, as in Go. */
static int64_t class_bound(const char **p, const char *end)
{
	if (*p == end || **p == '-' || **p == ']')
		return -1;
	return escaped_rune(p, end);
}

/* *p is behind '['; on return behind ']'. 1 matched, 0 not, -1 malformed. */
static int class_match(const char **p, const char *end, uint32_t rune)
{
	bool negated = *p < end && **p == '^';
	if (negated)
		++*p;
	bool hit = false;
	for (bool first = true; first || *p == end || **p != ']'; first = false) {
		int64_t lo = class_bound(p, end), hi = lo;
		if (lo >= 0 && *p < end && **p == '-') {
			++*p;
			hi = class_bound(p, end);
		}
		if (lo < 0 || hi < 0)
			return -1;
		hit |= lo <= rune && rune <= hi;
	}
	++*p;
	return hit != negated;
}

/*
 * Matches the pattern up to its next '*' (or its end) at the start of the name. *p and *n move
 * behind what matched. 1 matched, 0 not, -1 malformed.
 */
static int chunk_match(const char **p, const char *pend, const char **n, const char *nend)
{
	while (*p < pend && **p != '*') {
		if (*n == nend)
			return 0;
		uint32_t rune;
		size_t width = utf8_decode(*n, (size_t)(nend - *n), &rune);
		if (**p == '[') {
			++*p;
			int r = class_match(p, pend, rune);
			if (r <= 0)
				return r;
			*n += width;
		} else if (**p == '?') {
			if (rune == '/')
				return 0;
			++*p;
			*n += width;
		} else {
			if (**p == '\\' && ++*p == pend)
				return -1;
			if (**p != **n)
				return 0;
			++*p;
			++*n;
		}
	}
	return 1;
}

/*
 * '*' does not cross '/', so the earliest place where the chunk behind a star matches is always as
 * good as a later one, and only the last star has to be retried: quadratic at worst.
 */
static bool match_bytes(const char *p, const char *pend, const char *n, const char *nend)
{
	const char *star_p = NULL, *star_n = NULL;
	for (;;) {
		if (p < pend && *p == '*') {
			while (p < pend && *p == '*')
				p++;
			star_p = p;
			star_n = n;
		}
		const char *at_p = p, *at_n = n;
		int r = chunk_match(&at_p, pend, &at_n, nend);
		if (r < 0)
			return false;
		if (r > 0 && (at_p < pend || at_n == nend)) {
			p = at_p;
			n = at_n;
			if (p == pend)
				return true;
			continue;
		}
		if (!star_p || star_n == nend || *star_n == '/')
			return false;
		uint32_t rune;
		star_n += utf8_decode(star_n, (size_t)(nend - star_n), &rune);
		p = star_p;
		n = star_n;
	}
}

bool glob_match(const char *pattern, const char *name)
{
	return match_bytes(pattern, pattern + strlen(pattern), name, name + strlen(name));
}

bool glob_valid(const char *pattern)
{
	const char *end = pattern + strlen(pattern);
	for (const char *p = pattern; p < end;) {
		if (*p == '[') {
			p++;
			if (class_match(&p, end, 0) < 0)
				return false;
		} else if (escaped_rune(&p, end) < 0) {
			return false;
		}
	}
	return true;
}
