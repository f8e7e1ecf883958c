/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a log says of a build: a line for each instruction and one for what became of it, in the
 * words of buildah, which scripts look for.
 *
 *     STEP 2/3: COPY x /y
 *     --> Using cache <key>             of a step's record in the cache, or
 *     --> <its first 12 digits> 0.3s    the step was carried out
 *     COMMIT name
 *
 * A step whose record buildah would fetch or write elsewhere has a line for that, for who calls us
 * so: "--> Cache pulled from remote ..." in place of "Using cache", "--> Pushing cache ...".
 *
 * Stages run side by side, so each line of one of several begins with its place: "[1/2] ", or with
 * several platforms "[linux/arm64] [1/2] ". Stages are counted as they stand in the file up to the
 * target, FROM is the first step of each. ONBUILD triggers of the base image count as steps, unless
 * it has to be pulled first, which is told of below FROM.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct build;
struct stage;
struct stage_plan;
struct stage_run;

bool told_is_one_of_several(const struct build *b, const struct stage *st);
/* n_insts: how many steps follow FROM */
void told_from(const struct build *b, const struct stage_plan *p, size_t n_insts);
/* After FROM was told without n triggers, which only the image that was pulled has: they are steps
 * of n_insts, too. */
void told_triggers(const struct build *b, const struct stage_plan *p, size_t n, size_t n_insts);
/* The instructions up to and with the current step's, which begins. */
void told_step(const struct build *b, struct stage_run *r);
/* Those after the last step. */
void told_rest(const struct build *b, struct stage_run *r);
/* The current step ends. from: where its record was found, "" for the store; NULL: it was carried
 * out. */
void told_step_over(const struct build *b, const struct stage_run *r, const char *from);
void told_step_failed(const struct build *b, const struct stage_run *r);
void told_commit(const struct build *b, const struct stage *st);
