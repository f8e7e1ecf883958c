/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a Containerfile something is, and errors that show it. */
#pragma once
#include "build/file_parse.h"

/* Sets "file:line:column: <text>" with the line and a caret below, like the parser's own errors.
 * Returns code. */
int containerfile_error(const struct containerfile *f, struct pos pos, struct err *err, int code,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Where in the word at pos, of one line, the value of one of the keys ("key=", the last is NULL)
 * begins; pos when it has none. */
struct pos containerfile_find_key(
	const struct containerfile *f, struct pos pos, const char *const *keys);
/* Where in the word at pos, of one line, this field of its comma-separated values begins; pos when
 * it is not there as it stands. */
struct pos containerfile_find_field(
	const struct containerfile *f, struct pos pos, const char *field);
/* Where in the line, from pos on, the variable is named; pos when it is not. */
struct pos containerfile_find_variable(
	const struct containerfile *f, struct pos pos, const char *name);
/* Of the byte at this offset of the here-document's content. */
struct pos containerfile_find_content(
	const struct containerfile *f, const struct heredoc *h, size_t offset);
