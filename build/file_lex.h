/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first pass over a Containerfile: physical lines become joined lines (continuations, comments
 * and blank lines taken out) that remember where each of their bytes came from; parser directives
 * are read on the way; the bodies of here-documents are taken by physical lines behind the joined
 * line that opens them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "build/file_parse.h"

struct err;

/* From byte `joined` of the joined line on, the text stands at pos. */
struct lex_segment {
	size_t joined;
	struct pos pos;
};

struct lex_line {
	char *text; /* NUL-terminated, without NUL bytes inside */
	size_t len;
	struct lex_segment *segs; /* never empty */
	size_t n_segs;
	unsigned first;
	unsigned last;
	unsigned blank_line; /* a blank line inside a continuation (BuildKit warns), or 0 */
	struct strv comments; /* the comment lines right above, without '#' and blanks around */
};
void lex_line_done(struct lex_line *l);
#define AUTO_LEX_LINE __attribute__((cleanup(lex_line_done)))
struct pos lex_line_pos(const struct lex_line *l, size_t offset);

struct lex {
	const char *at; /* borrowed */
	const char *end;
	unsigned line; /* of the last physical line taken */
	char escape;
	char *syntax; /* directives; owned */
	char *check;
	struct pos check_pos;
	bool include; /* # mica=include */
	bool escape_seen;
	bool directives_over;
};

/* A byte order mark at the start is skipped and does not count for columns. */
void lex_init(struct lex *l, const char *text, size_t len);
void lex_done(struct lex *l);
/* 1: *ret is a joined line, the caller's. 0: the end. Negative: err, and *ret_pos where. */
int lex_next(struct lex *l, struct lex_line *ret, struct pos *ret_pos, struct err *err)
	__attribute__((warn_unused_result));
/* The next physical line with its newline, borrowed. 1, 0 at the end, negative as lex_next. */
int lex_physical(struct lex *l, const char **ret, size_t *ret_len, struct pos *ret_pos,
	struct err *err) __attribute__((warn_unused_result));
