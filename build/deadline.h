/* SPDX-License-Identifier: Apache-2.0 */
/* When the time of a build and of a step is over: --build-timeout, --step-timeout. Moments are of
 * clock_ms(); 0 is never. */
#pragma once
#include <stdint.h>

struct build_opts;
struct err;

/* Of a step, or of what else may take as long, that begins now. */
uint64_t deadline_of_step(const struct build_opts *o);
/* Milliseconds for poll(2): -1 for never. */
int deadline_left(uint64_t end_ms);
/* ERR_LIMIT: the build's time is over. */
int deadline_check(const struct build_opts *o, struct err *err) __attribute__((warn_unused_result));
