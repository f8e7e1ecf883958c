/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as users of --filter and --older-than write them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* "24h", "7d", "2w": so long ago; a date (RFC 3339), or Unix seconds. *ret: Unix seconds. */
bool moment_parse(const char *text, int64_t *ret);
