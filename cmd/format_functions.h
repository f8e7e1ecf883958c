/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that templates may call, and values as Go sees them. NULL is "no value". */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct json;

/* *ret: a new reference or NULL. The arguments are borrowed. ERR_INVALID */
int function_call(const char *name, struct json *const *argv, size_t n, struct json **ret,
	struct err *err) __attribute__((warn_unused_result));
/* false, 0, nothing, and what is empty, are not */
bool value_is_true(const struct json *j);
/* A new array of the member names, sorted. */
struct json *json_sorted_keys(const struct json *o);
