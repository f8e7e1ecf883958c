/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that need more than the text: the environment, the working directory, the base image, the
 * context. ONBUILD triggers are not checked: they stand in no file of the user's. */
#pragma once
#include "base/strv.h"
#include "build/file_parse.h"

#include <stdbool.h>
#include <stddef.h>

struct build;
struct eval;
struct stage_plan;
struct step;

/* What the checks remember of a stage. */
struct lint_stage {
	bool base_unknown; /* nobody can tell which variables it has from there */
	bool workdir; /* WORKDIR was given in it, or in a stage below */
	const struct inst *cmd, *entrypoint, *healthcheck; /* the last ones of this stage */
	struct strv args; /* names that ARG declared, here and in stages below */
};

/* From the stage that p is built on. */
void lint_inherit(struct stage_plan *p, const struct stage_plan *base);
void lint_stage_done(struct lint_stage *s);
/* All FROM lines, as far as they were planned. */
void lint_from(struct build *b);
/* The base image of a stage is there. */
void lint_base_image(struct build *b, const struct stage_plan *p);
/* Before an instruction is evaluated. */
void lint_inst(struct eval *e);
/* Word k of an ARG, with its name expanded, is declared from here on. */
void lint_arg(struct eval *e, size_t k, const char *name);
/* Variables that were replaced by nothing. */
void lint_unset(struct eval *e, struct pos pos, const struct strv *names);
/* One source of COPY or ADD, from a context. hidden: the ignore file has it. */
void lint_source(struct eval *e, const struct step *s, const char *source, struct pos pos);
void lint_source_ignored(struct eval *e, const char *source, struct pos pos);
/* why: what the context has, and what is hidden */
void lint_source_nothing(struct eval *e, const char *source, const char *why, struct pos pos);
/* COPY and ADD, once the destination is known. */
void lint_dest(struct eval *e, const struct step *s);
/* After the last instruction. */
void lint_stage_end(struct build *b, const struct stage_plan *p);
