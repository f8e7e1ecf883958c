/* SPDX-License-Identifier: Apache-2.0 */
/* Here-documents: "<<EOF", "<<-EOF", "3<<'EOF'" words of a line, and the lines behind it up to each
 * delimiter. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "build/file_parse.h"

struct err;
struct lex;
struct lex_line;

/* 1: the word opens a here-document, *ret is filled but for its content. 0: another word. Negative:
 * broken quoting. */
int heredoc_parse_word(const char *word, struct heredoc *ret, struct err *err)
	__attribute__((warn_unused_result));
/*
 * Those that the line opens, in order, with their bodies taken from lex. Bodies are raw:
 * heredoc_chomp() is the caller's. ERR_INVALID "unterminated heredoc", and *ret_pos the place of
 * its word.
 */
int heredocs_read(struct lex *lex, const struct lex_line *line, struct heredoc **ret, size_t *ret_n,
	struct pos *ret_pos, struct err *err) __attribute__((warn_unused_result));
/* Takes the leading tabs off each line. */
void heredoc_chomp(struct heredoc *h);
void heredocs_free(struct heredoc *h, size_t n);
