/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which step of an earlier build a step was, by the texts of both builds' instructions: the order
 * of most equal texts is kept, then a text that is much like another of the same instruction is
 * that one changed, and one that is elsewhere has moved. What is left is new, or gone.
 */
#pragma once
#include <stddef.h>

#define STEP_NEW ((size_t)-1)

/* ret: for each of the n texts the index of what it was, or STEP_NEW. */
void step_match(
	const char *const *now, size_t n, const char *const *before, size_t n_before, size_t *ret);
