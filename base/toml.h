/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML 1.0 as far as configuration files of containers use it, read into JSON values: tables,
 * arrays of tables, dotted and quoted keys, inline tables, basic and literal strings, decimal
 * integers, booleans, arrays. Multi-line strings, floats and dates are refused by name. A key or
 * table that is defined twice is an error.
 */
#pragma once
#include "base/mem.h"
#include <stddef.h>

struct err;
struct json;

#define TOML_MAX (1 * MIB) /* no configuration file is larger */

/* what: the file's name, for messages: "registries.conf:12: ...". *ret is an object, the caller's:
 * json_free(). ERR_INVALID, ERR_LIMIT. */
int toml_parse(const char *text, size_t n, const char *what, struct json **ret, struct err *err)
	__attribute__((warn_unused_result));
