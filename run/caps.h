/* SPDX-License-Identifier: Apache-2.0 */
/* Capability sets as bit masks, and how a workload gets exactly one of them. */
#pragma once
#include <stdint.h>

struct err;
struct strv;

/*
 * The 14 capabilities that docker and BuildKit give, plus add, minus drop. "all" stands for every
 * capability that the kernel knows; a name may lack "CAP_" and be in any case. An added capability
 * wins over `drop all`. ERR_INVALID: an unknown name.
 */
int caps_resolve(const struct strv *add, const struct strv *drop, uint64_t *ret, struct err *err)
	__attribute__((warn_unused_result));
/* "CAP_SYS_ADMIN" -> its bit; -1: unknown */
int caps_number(const char *name);
/* The other way round; new string, NULL: the kernel knows none of that number. */
char *caps_name(unsigned number);

/* Everything outside set leaves the bounding set, and the ambient and inheritable sets are emptied
 * (CVE-2022-24769). Needs CAP_SETPCAP. To be called before the user changes. */
int caps_bound(uint64_t set, struct err *err) __attribute__((warn_unused_result));
/* From here on no program gets a capability for being executed as user 0. Needs CAP_SETPCAP. */
int caps_ignore_root(struct err *err) __attribute__((warn_unused_result));
/* Permitted and effective become set (0 for a user that is not root), inheritable stays empty. */
int caps_apply(uint64_t set, struct err *err) __attribute__((warn_unused_result));
