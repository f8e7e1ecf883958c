/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system call filter of the workload. Profiles are documents in the containers' JSON format
 * (containers/common, docker); without one the containers' default profile where the system has it
 * installed, else the same one built in. On top of a default profile come a few refusals that
 * docker has and containers/common has not: TIOCSTI, TIOCLINUX, AF_ALG, AF_VSOCK, the keyrings.
 *
 * libseccomp knows the numbers of the system calls; the program itself is made here, because a
 * binary search over ranges of numbers is ready in 0.3 ms where libseccomp takes 35 ms for two
 * architectures, in each process that runs a step.
 *
 * The x32 interface is never allowed.
 */
#pragma once
#include <linux/filter.h>
#include <stdint.h>

struct err;

enum seccomp_flags {
	SECCOMP_KEEP_CORE = 1, /* nobody changes a limit of "core", and who does believes to */
};

/*
 * profile: as run_spec.seccomp_profile. caps: the workload's capabilities, which a profile may
 * depend on. *ret: kept by this module and valid until the end of the process; its len is 0 for
 * "unconfined". ERR_NOT_FOUND, ERR_INVALID with the profile's name; ERR_UNSUPPORTED:
 * SCMP_ACT_NOTIFY.
 */
int seccomp_filter(const char *profile, uint64_t caps, unsigned flags,
	const struct sock_fprog **ret, struct err *err) __attribute__((warn_unused_result));
/* Beside it, for who sees processes that are not its own: neither their limits are changed (with
 * that on processor time they could be killed by who may not signal them) nor their priorities,
 * schedulers and processors. Its own other processes it changes by 0 alone, each for itself: a
 * filter cannot tell whose a number is. */
int seccomp_keep_others(const struct sock_fprog **ret, struct err *err)
	__attribute__((warn_unused_result));
/* Where the default profile comes from: its file, or "built in". */
const char *seccomp_source(void);
/* AUDIT_ARCH_* of this machine; libseccomp's numbers are the kernel's */
uint32_t seccomp_native_arch(void);
/* On the calling process, for good. Needs CAP_SYS_ADMIN or no_new_privs. */
int seccomp_apply(const struct sock_fprog *filter, struct err *err)
	__attribute__((warn_unused_result));
