/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backslashes and classes in an ignore pattern. The pattern becomes a regular expression of Go's in
 * the reference, and a backslash with a letter or digit means there what it does in those: \d is
 * any digit, \b the edge of a word, \n a newline. With other ASCII characters it takes away their
 * meaning. A class may hold [:alpha:]. Unicode classes (\pL) are not known here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum escape_kind {
	ESCAPE_CHAR, /* rune itself */
	ESCAPE_SET, /* one character of d D s S w W */
	ESCAPE_PLACE, /* nothing, in a place: b B A z */
	ESCAPE_POSIX, /* [:digit:], in a class: rune is its number here */
	ESCAPE_NOT_POSIX, /* [:^digit:] */
};

struct escape {
	enum escape_kind kind;
	uint32_t rune; /* the character, or the letter of a set or place */
};

/* s: behind the backslash. Its bytes without that; 0: Go does not know it either (or see above). */
size_t escape_parse(const char *s, struct escape *ret);
bool escape_in_set(uint32_t letter, uint32_t rune);
#define ESCAPE_NONE 0 /* the neighbour at an end of the text */
bool escape_in_place(uint32_t letter, uint32_t before, uint32_t after);
/* The bytes of "[...]". 0: Go does not know it. */
size_t escape_class_length(const char *class);
bool escape_class_has(const char *class, uint32_t rune);
