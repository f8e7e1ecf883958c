/* SPDX-License-Identifier: Apache-2.0 */
/* "did you mean": the candidate closest to what was typed. */
#pragma once
#include <stddef.h>

/* NULL when none is close (a third of the letters changed, at least one, at most three). Letter
 * case does not count. */
const char *suggest(const char *typed, const char *const *candidates, size_t n);
