/* SPDX-License-Identifier: Apache-2.0 */
/* .dockerignore / .containerignore: patterns with '!' exceptions, last match wins; moby/patternmatcher's semantics (a pattern also matches all below a directory). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct ignore;

/* Text of the file; a BOM, CRLF, comments and blank lines are handled. ERR_INVALID for a malformed pattern with "file:line". */
int ignore_parse(const char *name, const char *text, size_t len, struct ignore **ret, struct err *err)
	__attribute__((warn_unused_result));
/* From patterns given one by one (COPY --exclude). */
int ignore_from_patterns(char *const *patterns, size_t n, struct ignore **ret, struct err *err) __attribute__((warn_unused_result));
void ignore_free(struct ignore *ig); /* accepts NULL */
bool ignore_is_empty(const struct ignore *ig);

/*
 * Is path (clean, relative to the context) ignored? A parent that is ignored counts, as in moby/patternmatcher MatchesOrParentMatches.
 * *ret_line: the line of the deciding pattern; NULL allowed for all results.
 */
bool ignore_match(const struct ignore *ig, const char *path, bool *ret_may_have_exceptions_below, unsigned *ret_line);
/* ret_may_have_exceptions_below: for an ignored directory: whether a '!' pattern could still bring back something inside it (then it must be walked). */
