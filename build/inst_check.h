/* SPDX-License-Identifier: Apache-2.0 */
/* What BuildKit's instructions package checks in one statement: flags, numbers of arguments, and
 * values that no variable can change. */
#pragma once
#include "build/file_parse.h"
#include "build/file_stmt.h"

struct err;
struct lex_line;

/* Fills the flags of i from those of s. *ret_pos: the place of the error. */
int inst_check_flags(struct inst *i, const struct stmt *s, const struct lex_line *line,
	struct pos *ret_pos, struct err *err) __attribute__((warn_unused_result));
/* ONBUILD, FROM and MAINTAINER may not follow ONBUILD. */
bool inst_never_trigger(enum inst_kind kind);
/* i is complete but for a trigger's instruction; its arguments may be normalised. *ret_pos, on
 * entry where arguments begin, is moved to the culprit. */
int inst_check_args(struct inst *i, struct pos *ret_pos, struct err *err)
	__attribute__((warn_unused_result));
