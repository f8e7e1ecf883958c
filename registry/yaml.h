/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML 1.2 as far as documents for containers use it, read into JSON values: the first document of
 * the text, plain scalars as null, booleans, integers and else strings, as the core schema has
 * them. Aliases, keys that are no text and keys that come twice are refused.
 *
 * mica itself is not linked with libyaml: `mica-remote yaml` reads standard input, and answers on
 * standard output with the JSON text, or ends with 125 and answers with what is wrong.
 */
#pragma once
#include "base/mem.h"
#include <stddef.h>

struct err;
struct json;

#define YAML_MAX (4 * MIB) /* documents of a machine with a hundred devices have some 100 KiB */
#define YAML_JSON_MAX (16 * MIB) /* the same in JSON */

/* what: for messages: "yaml:12: ...". *ret is the caller's. ERR_INVALID, ERR_LIMIT. */
int yaml_to_json(const char *text, size_t n, const char *what, struct json **ret, struct err *err)
	__attribute__((warn_unused_result));
/* Of mica-remote. What main() returns. */
int yaml_main(void);
