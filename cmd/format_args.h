/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions of templates share. */
#pragma once
#include "cmd/format_functions.h"

#define TEXT_MAX (16 * MIB) /* what one function may make */
#define FIELD_MAX 1000 /* width and precision of what is padded */

struct args {
	const char *name;
	struct json *const *v;
	size_t n;
	struct json **ret;
	struct err *err;
};

int args_bad(const struct args *a, const char *what);
/* The value as text: a string as it is, others as they print. New string. */
char *args_text(const struct json *j);

/* What stands for a number: itself, or see FORMAT_PLAIN. */
const struct json *args_number(const struct json *j);

int function_printf(struct args *a);
