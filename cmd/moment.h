/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as users of --filter and --older-than write them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct err;

/* "24h", "7d", "2w": so long ago; a date (RFC 3339), or Unix seconds. *ret: Unix seconds. */
bool moment_parse(const char *text, int64_t *ret);
/* Unix seconds. from: where the text comes from, for the message. ERR_INVALID */
int moment_epoch(const char *text, const char *from, int64_t *ret, struct err *err)
	__attribute__((warn_unused_result));
