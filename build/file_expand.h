/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARG/ENV substitution in one word, as BuildKit's shell.Lex does it: $n ${n} with :- - :+ + :? ? #
 * ## % %% / //, single and double quotes, the escape character. Patterns know '*', '?' and
 * backslash only.
 *
 * Output, nesting and work are bounded, so a hostile text costs a bounded time: ERR_LIMIT.
 */
#pragma once
#include "base/map.h"
#include "base/strv.h"
#include <stdbool.h>

struct err;

enum expand_flags {
	EXPAND_KEEP_QUOTES = 1 << 0, /* RawQuotes: quotes protect, and stay */
	EXPAND_KEEP_ESCAPES = 1 << 1, /* RawEscapes */
	EXPAND_KEEP_UNSET =
		1 << 2, /* SkipUnsetEnv: references to unset variables stay as they are */
	EXPAND_NO_QUOTES = 1 << 3, /* SkipProcessQuotes: quotes are characters like others (contents
	                              of here-documents) */
};

/*
 * env: a value NULL is "declared but not set". *ret: new string. used (may be NULL) gets the
 * names that were looked up; unset (may be NULL) those looked up and not set, the first 1000. The
 * result is at most 1 MiB (ERR_LIMIT). ERR_INVALID: text of BuildKit's kind ("unsupported
 * modifier ...").
 */
int expand_word(const char *word, char escape, const struct map *env, int flags, char **ret,
	struct strv *used, struct strv *unset, struct err *err) __attribute__((warn_unused_result));
/* Where in a text that expand_word() refuses the reference stands that it refuses: the outermost.
 * false: it refuses nothing. */
bool expand_find_error(
	const char *word, char escape, const struct map *env, int flags, size_t *ret);
/* With splitting into words at unquoted blanks (EXPOSE, VOLUME, COPY's words ...). Appends to ret.
 */
int expand_words(const char *text, char escape, const struct map *env, int flags, struct strv *ret,
	struct err *err) __attribute__((warn_unused_result));
