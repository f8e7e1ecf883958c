/* SPDX-License-Identifier: Apache-2.0 */
/* What a build took of the machine: --log-rusage, in buildah's words. */
#pragma once
#include "cmd/opt.h"
#include <stdint.h>

struct err;
struct out;

struct usage_args {
	bool log;
	const char *file; /* NULL: with the messages */
};
extern const struct opt usage_options[];

/* Before anything is built: can the file be written? */
int usage_check(const struct usage_args *a, struct err *err) __attribute__((warn_unused_result));
/* began: by clock_us(). Nothing unless it was asked for. */
int usage_report(const struct usage_args *a, struct out *out, uint64_t began, struct err *err)
	__attribute__((warn_unused_result));
