/* SPDX-License-Identifier: Apache-2.0 */
/* From an instruction to the steps and the configuration it makes: evaluate.c, and inst_*.c for
 * each kind. */
#pragma once
#include "build/build_internal.h"
#include "build/error_excerpt.h"

/* Evaluation of one instruction, given to the inst_*.c files. */
struct eval {
	struct build *b;
	struct stage_plan *p;
	struct source_inst at;
	bool trigger; /* ONBUILD of the base image */
	bool matched; /* COPY: one of its sources is there */
	size_t expanded; /* bytes that its words became, weight.h */
};

/* Expands with the stage's ARGs and ENVs; the error is bare. Names that are not set are a check's
 * business. */
int eval_expand(struct eval *e, const char *word, char escape, int flags, struct pos pos,
	char **ret, struct err *err) __attribute__((warn_unused_result));
/* Expands with the stage's ARGs and ENVs; errors carry the position of argument i (or of pos). New
 * string. */
int eval_word(struct eval *e, const char *word, struct pos pos, char **ret, struct err *err)
	__attribute__((warn_unused_result));
int eval_words(struct eval *e, const char *text, struct pos pos, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The value of a flag, expanded; NULL in *ret when it was not given. */
int eval_flag(struct eval *e, const char *name, char **ret, struct err *err)
	__attribute__((warn_unused_result));
/* A path in the image, which is replaced by one with slashes: see windows_path.h. */
int eval_path(struct eval *e, struct pos pos, char **path, struct err *err)
	__attribute__((warn_unused_result));
/* WORKDIR, with slashes; from / on. */
char *eval_dir(const struct eval *e);
struct pos eval_arg_pos(const struct eval *e, size_t i);
#define eval_error(e, pos, err, code, ...)                                                         \
	containerfile_error((e)->at.file, pos, err, code, __VA_ARGS__)
/* Appends a step; its title is the instruction's text, its history entry the one added last. */
struct step *eval_add_step(struct eval *e, enum step_kind kind);
/* The texts are of history.h. */
void eval_history(struct eval *e, const char *created_by, bool empty);
/* In the place of the one added last, once the instruction was looked at as a whole. */
void eval_history_text(struct eval *e, const char *created_by);
/* from=NAME is neither a stage nor, as why tells, an image that can be had. flag: "--from" */
int eval_from_error(const struct eval *e, struct pos pos, const char *flag, const char *from,
	const struct err *why, struct err *err);
/* words in shell form with the stage's SHELL in front, or the exec form as it is */
void eval_command(const struct eval *e, struct strv *ret);

int inst_metadata(struct eval *e, struct err *err)
	__attribute__((warn_unused_result)); /* all that touch only the config */
int inst_workdir(struct eval *e, struct err *err) __attribute__((warn_unused_result));
int inst_run(struct eval *e, struct err *err) __attribute__((warn_unused_result));
/* Adds what the number-th --mount of the instruction says to the step. */
int step_add_mount(struct eval *e, struct step *s, const struct inst_flag *f, size_t number,
	struct err *err) __attribute__((warn_unused_result));
/* ARGs with secret values: variables of the RUN that nothing else sees. After its own mounts. */
void step_add_secret_args(struct eval *e, struct step *s);
/* --compat-volumes: what a RUN changes in a volume is gone after it. After the RUN's own mounts. */
void step_hide_volumes(struct eval *e, struct step *s);
void step_mounts_done(struct step *s);
int inst_copy(struct eval *e, struct err *err)
	__attribute__((warn_unused_result)); /* COPY and ADD */
