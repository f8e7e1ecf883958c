/* SPDX-License-Identifier: Apache-2.0 */
/* --on-error: what a RUN left that has failed, to look at. */
#pragma once

struct build;
struct err;

/* After b->failed is known, when no other stage is at work: runs a shell in it, with the mounts of
 * the step, whose changes are dropped; or makes an image of it, without the mounts, which is not in
 * the cache. Nothing when the options do not ask for it. */
int on_error(struct build *b, struct err *err) __attribute__((warn_unused_result));
