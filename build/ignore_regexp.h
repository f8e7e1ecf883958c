/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The regular expressions that patterns of an ignore file become in the reference: what of Go's
 * syntax can come out of that. No groups but "(.*" "/)", no Unicode classes (\pL).
 *
 * Time to match: path times expression, with what it repeats written out; never exponential.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct regexp;

/*
 * *room: how many instructions there may still be, for this one and those to come; it is taken off.
 * ERR_INVALID: what Go refuses, or what is not known here.  ERR_LIMIT: no room.
 */
int regexp_compile(const char *text, size_t *room, struct regexp **ret, struct err *err)
	__attribute__((warn_unused_result));
void regexp_free(struct regexp *re); /* accepts NULL */
/* Is it found anywhere in s? Not const: its memory for the search is used. */
bool regexp_match(struct regexp *re, const char *s);
