/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a template from left to right: what stands at the place where we are, and the pipelines
 * between braces. Blocks and templates are format_parse.c's. */
#pragma once
#include <stdbool.h>

struct err;
struct format;
struct pipe;

#define DEPTH_MAX 64 /* nested blocks and parentheses */

struct parser {
	const char *s; /* what is left */
	const char *end;
	unsigned depth;
	unsigned ranges, blocks; /* how many we are in */
	struct format *f; /* what has the templates that are defined */
	bool trim_next; /* the last action ended with -}} */
};

/* ERR_INVALID: "template: <what> at '<text>'" */
int parser_fail(const struct parser *p, const char *what, struct err *err);
void parser_skip_blanks(struct parser *p);
/* Is this the text that comes next? */
bool parser_at(const struct parser *p, const char *t);
/* the end of an action: "}}", or "-}}" after a blank */
bool parser_at_close(const struct parser *p);
/* Goes past it. ERR_INVALID: it is not here. */
int parser_close(struct parser *p, struct err *err) __attribute__((warn_unused_result));
/* Goes past the word k, if that comes next. */
bool parser_keyword(struct parser *p, const char *k);
/* *ret: new, half-built on failure too: the caller's to free. in_range: two variables may be
 * declared. ERR_INVALID */
int parser_pipeline(struct parser *p, bool in_range, struct pipe **ret, struct err *err)
	__attribute__((warn_unused_result));
