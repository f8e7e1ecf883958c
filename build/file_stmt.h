/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One joined line split into keyword, flags and arguments by the form of its instruction: what
 * BuildKit's parser package does, before anything is checked. Places are offsets in the joined
 * line.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/strv.h"

struct err;
struct inst_spec;

/* Words with the offset of each. */
struct stmt_words {
	struct strv w;
	size_t *at;
	size_t cap;
};

struct stmt {
	const struct inst_spec *spec; /* NULL: unknown keyword; it has no arguments then */
	char *keyword; /* as written */
	size_t at; /* of the keyword */
	struct stmt_words flags; /* "--name=value", unquoted */
	struct stmt_words args; /* as struct inst has them */
	size_t args_at; /* where arguments begin, or would */
	bool json;
	bool old_env;
	struct stmt *sub; /* ONBUILD's */
};

/* The line from offset `from` on. *ret_at: where the error is. ERR_INVALID with BuildKit's text. */
int stmt_parse(const char *line, size_t from, char escape, struct stmt *ret, size_t *ret_at,
	struct err *err) __attribute__((warn_unused_result));
void stmt_done(struct stmt *s);
#define AUTO_STMT __attribute__((cleanup(stmt_done)))
/* May here-documents be attached to it? Those of a trigger belong to the trigger. */
bool stmt_takes_heredocs(const struct stmt *s);
