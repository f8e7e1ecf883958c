/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a build that bound its time and its disk: --build-timeout, --disk-limit,
 * --step-timeout. */
#pragma once
#include "cmd/opt.h"
#include <stdint.h>

struct build_opts;
struct err;

struct limit_args {
	const char *build_timeout, *step_timeout;
	uint64_t disk_limit;
};
extern const struct opt limit_options[];

/* Also starts the clock of --build-timeout, which ends this process a little later than the
 * executor should have done. */
int limit_args_apply(const struct limit_args *a, struct build_opts *o, struct err *err)
	__attribute__((warn_unused_result));
