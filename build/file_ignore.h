/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .dockerignore / .containerignore: patterns with '!' exceptions, last match wins;
 * moby/patternmatcher's semantics (a pattern also matches all below a directory), as BuildKit's
 * walk of the context applies them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct ignore;

/* Text of the file; a BOM, CRLF, comments and blank lines are handled. ERR_INVALID for a malformed
 * pattern with "file:line:column". */
int ignore_parse(const char *name, const char *text, size_t len, struct ignore **ret,
	struct err *err) __attribute__((warn_unused_result));
/* From patterns given one by one (COPY --exclude). */
int ignore_from_patterns(char *const *patterns, size_t n, struct ignore **ret, struct err *err)
	__attribute__((warn_unused_result));
void ignore_free(struct ignore *ig); /* accepts NULL */
bool ignore_is_empty(const struct ignore *ig);

/*
 * Is path (clean, relative to the context; "" and "." are never ignored) ignored? A parent that is
 * ignored counts. ret_may_have_exceptions_below: for an ignored directory: whether a '!' pattern
 * could still bring back something inside it (then it must be walked, and is itself kept when
 * something inside is). ret_line: the line of the deciding pattern, 0 when none matched. NULL
 * allowed for both. Paths in the order of a walk are cheapest: the results for the parent directory
 * are remembered.
 */
bool ignore_match(const struct ignore *ig, const char *path, bool *ret_may_have_exceptions_below,
	unsigned *ret_line);
