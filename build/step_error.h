/* SPDX-License-Identifier: Apache-2.0 */
/* How a failed step is told: file:line:column, the instruction, the cause, what to do. */
#pragma once

struct build;
struct err;
struct sandbox_result;
struct stage_run;
struct step;

/* result: of a RUN that ended badly, NULL when err holds the cause. Returns err->code, always
 * negative. */
int step_error(
	struct build *b, struct stage_run *r, const struct sandbox_result *result, struct err *err);
/* Of a layer that could not be stored after the step itself had ended well. */
int commit_error(struct build *b, const struct step *s, struct err *err);
