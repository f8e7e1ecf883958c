/* SPDX-License-Identifier: Apache-2.0 */
/* A value by one verb of printf, as Go's fmt has it. A mistake is no error there: the text says
 * what it is, as "%!d(string=web)". */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct json;

/* One verb of printf with its flags. */
struct verb {
	bool left, zero, plus, space, sharp;
	bool go; /* %#v: as it is written in a program */
	bool fields; /* %+v: members of structs with their names */
	int width, precision; /* -1: not said */
	uint32_t letter;
};

void verb_add(struct buf *b, const struct verb *v, const struct json *j);
/* "%!d(", as a mistake begins. */
void verb_mistake(struct buf *b, uint32_t letter);
/* "string", as %T has it. */
const char *verb_type(const struct json *j);
