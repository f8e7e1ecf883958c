/* SPDX-License-Identifier: Apache-2.0 */
/* The stages that are wanted -> configs and manifests in the store. */
#pragma once

struct build;
struct built_image;
struct err;
struct image_config;
struct stage_run;

/* Fills in the images and the root of the result. */
int finish_images(struct build *b, struct err *err) __attribute__((warn_unused_result));
/* What a stage is after the instruction that leaves it with the config. */
int finish_step(struct build *b, size_t stage, struct image_config *c, struct built_image *ret,
	struct err *err) __attribute__((warn_unused_result));
/* What a stage is up to its last step that has a result, as an image of its own: with that step's
 * variables, user and working directory. */
int finish_left(struct build *b, struct stage_run *r, struct built_image *ret, struct err *err)
	__attribute__((warn_unused_result));
