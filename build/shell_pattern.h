/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patterns of ${name#pattern} and ${name/pattern/text}: '*' any characters, '?' one, backslash
 * before '*', '?' or '\' the character itself, before '}' or '/' nothing. Neither wildcard matches
 * a newline (BuildKit makes Go regular expressions of them). Time is bounded by *work: pattern
 * times value, ERR_LIMIT when it runs out.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* Removes the shortest (longest) prefix or suffix of value that matches; the rest is appended to
 * out. */
int shell_pattern_trim_prefix(const char *pattern, const char *value, bool longest, struct buf *out,
	uint64_t *work, struct err *err) __attribute__((warn_unused_result));
int shell_pattern_trim_suffix(const char *pattern, const char *value, bool longest, struct buf *out,
	uint64_t *work, struct err *err) __attribute__((warn_unused_result));
/* Replaces the first match, or all: then "$0" in text is the match and other "$name" nothing, as in
 * Go's ReplaceAllString. */
int shell_pattern_replace(const char *pattern, const char *value, const char *text, bool all,
	struct buf *out, uint64_t *work, struct err *err) __attribute__((warn_unused_result));
