/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Go sees and prints them; what callers of templates need of it is in format.h. NULL is
 * "no value". */
#pragma once
#include <stdbool.h>

struct json;

/* false, 0, nothing, and what is empty, are not */
bool value_is_true(const struct json *j);
/* A new array of the member names, sorted. */
struct json *json_sorted_keys(const struct json *o);
