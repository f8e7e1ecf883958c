/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --layers: what the build has after each instruction as an image, too, as buildah keeps it
 * (store/step_images.h). Nothing of it is done for who does not ask.
 */
#pragma once
#include "base/mem.h"

struct build;
struct err;
struct stage_plan;

/* Of all configs together, as JSON: each has all that is set before it, so that a few kilobytes of
 * text would fill the memory. What comes after is not kept. */
#define KEPT_STEPS_MAX (64 * MIB)

/* After an instruction was evaluated: its config. */
void step_config_keep(struct build *b, struct stage_plan *p);
void step_configs_done(struct stage_plan *p);
/* When the images are there: those of the steps into the store and the result, without names. */
int finish_steps(struct build *b, struct err *err) __attribute__((warn_unused_result));
