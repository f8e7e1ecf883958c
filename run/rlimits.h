/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits of the workload (setrlimit(2)). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct run_rlimit;

/* docker's and buildah's --ulimit: "nofile=1024", "nofile=1024:2048", "core=-1" (unlimited).
 * ERR_INVALID. */
int rlimit_parse(const char *text, struct run_rlimit *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The one that is not the caller's unless somebody says so. */
void rlimit_core_of_host(struct run_rlimit *ret);

/* May they be set here? ERR_UNSUPPORTED: one is above a hard limit that we cannot raise; says
 * which, and what can be had. */
int rlimits_check(const struct run_rlimit *limits, size_t n, struct err *err)
	__attribute__((warn_unused_result));
/* Lowers it to what can be had; false: it can be had. */
bool rlimit_lower(struct run_rlimit *l);
/* Is one of them about "core"? */
bool rlimits_say_core(const struct run_rlimit *limits, size_t n);
/* Sets them on the calling process, of several for one resource the last, and where none is about
 * "core" one that lets nobody write or handle a dump of it. */
int rlimits_apply(const struct run_rlimit *limits, size_t n, struct err *err)
	__attribute__((warn_unused_result));
