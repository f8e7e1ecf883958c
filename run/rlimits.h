/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits of the workload (setrlimit(2)). */
#pragma once
#include <stddef.h>

struct err;
struct run_rlimit;

/* docker's and buildah's --ulimit: "nofile=1024", "nofile=1024:2048", "core=-1" (unlimited).
 * ERR_INVALID. */
int rlimit_parse(const char *text, struct run_rlimit *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Sets them on the calling process, never above the hard limits that it has. */
int rlimits_apply(const struct run_rlimit *limits, size_t n, struct err *err)
	__attribute__((warn_unused_result));
