/* SPDX-License-Identifier: Apache-2.0 */
/* A value by one verb of printf, as Go's fmt has it. A mistake is no error there: the text says
 * what it is, as "%!d(string=web)". */
#pragma once
#include <stdbool.h>

struct buf;
struct json;

/* One verb of printf with its flags. */
struct verb {
	bool left, zero, plus, space, sharp;
	int width, precision; /* precision -1: not said */
	char letter;
};

void verb_add(struct buf *b, const struct verb *v, const struct json *j);
/* "string", as %T has it. */
const char *verb_type(const struct json *j);
