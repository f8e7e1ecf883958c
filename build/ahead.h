/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with steps that are yet to come, as far as files tell that are known by now: looked
 * for once in a build, right before the first RUN that no cache answers. A build without one does
 * not look, its steps find it themselves.
 *
 * Sources of COPY --from and RUN --mount in images, and in stages that are complete; the user of
 * the next step of each stage.
 */
#pragma once

struct build;
struct err;

/* The error has the place of the step. */
int ahead_check(struct build *b, struct err *err) __attribute__((warn_unused_result));
