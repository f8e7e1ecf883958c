/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of templates, as Go writes and reads them. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct json;

/* The constant at the beginning of s (n bytes): -12 1_000 0x1f 0b11 0o17 017 1.5 .5 1e6. *ret: new,
 * an integer or a real. Returns its length; 0: there is no number, or one that has no place. */
size_t number_read(const char *s, size_t n, struct json **ret);
/* As %v has it: the fewest digits that tell it from its neighbours. New string. */
char *number_real(double value);
