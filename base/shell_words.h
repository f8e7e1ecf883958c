/* SPDX-License-Identifier: Apache-2.0 */
/* Text as a shell takes it: words ("a 'b c' d\ e" -> a, b c, d e), and variables. */
#pragma once

struct err;
struct map;
struct strv;

/* Appends to *ret. ERR_INVALID: a quote is not closed, or a backslash ends the text. */
int shell_words(const char *text, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
/* $NAME and ${NAME} are replaced, by nothing when they are not set; all else stays as it is.
 * buildah uses Go's os.Expand() for it. New string. */
char *shell_expand(const char *text, const struct map *vars);
