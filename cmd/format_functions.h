/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that templates may call. NULL is "no value". */
#pragma once
#include <stddef.h>

struct err;
struct json;

/* *ret: a new reference or NULL. The arguments are borrowed. ERR_INVALID */
int function_call(const char *name, struct json *const *argv, size_t n, struct json **ret,
	struct err *err) __attribute__((warn_unused_result));
