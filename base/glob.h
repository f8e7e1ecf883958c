/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's filepath.Match on '/'-separated names: '*' and '?' do not match '/', [classes] with ranges
 * and '^', backslash escapes. Linear or quadratic time, never exponential.
 */
#pragma once
#include <stdbool.h>

/* false also for a malformed pattern: glob_valid() tells */
bool glob_match(const char *pattern, const char *name);
bool glob_valid(const char *pattern);
