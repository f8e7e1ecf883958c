/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup of one workload, in whatever hierarchies this host has: version 1, version 2 or both
 * (hybrid).
 *
 * With limits: in the version 1 hierarchies of the controllers that are needed, or in version 2.
 * Without: in version 2 below our own cgroup, if we may write there, so that everything in it can
 * be told and killed from outside. That takes 0.2 ms; moving a process to another cgroup of version
 * 1 takes milliseconds, and there the pid namespace alone has to do.
 *
 * - cgroup_create: directories named mica-<random> with the limits written.
 * - cgroup_join: by the child itself, before it unshares its cgroup namespace; nothing to do after
 *   clone3(CLONE_INTO_CGROUP).
 * - cgroup_usage: what happened in it.
 * - cgroup_remove: after the last process is gone.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup;
struct err;
struct run_limits;

struct cgroup_usage {
	bool oom_killed;
	bool pids_limit_hit;
	uint64_t memory_peak; /* bytes, 0 when unknown */
};

/* note is called with each directory before it is made (its result, if negative, ends the
 * creation). *ret: NULL when no limit is asked for and there is none to have at low cost.
 * ERR_UNSUPPORTED: names the flag whose limit cannot be enforced, and why. */
int cgroup_create(const struct run_limits *l,
	int (*note)(void *arg, const char *path, struct err *err), void *arg, struct cgroup **ret,
	struct err *err) __attribute__((warn_unused_result));
/* Can these limits be enforced here? Errors as above. */
int cgroup_check(const struct run_limits *l, struct err *err) __attribute__((warn_unused_result));
int cgroup_join(const struct cgroup *g, struct err *err) __attribute__((warn_unused_result));
/* Directory descriptor for CLONE_INTO_CGROUP when all is in the one version 2 hierarchy and acts
 * on who is cloned into it, else -1: cgroup_join(). */
int cgroup_clone_fd(const struct cgroup *g);
/* Stops what is in it, or lets it go on; in version 1 nothing. */
void cgroup_hold(const struct cgroup *g, bool hold);
/* Has it come about that all of it stands still? */
bool cgroup_is_held(const struct cgroup *g);
void cgroup_usage(const struct cgroup *g, struct cgroup_usage *ret);
/* Kills what is left, removes the directories and frees g; accepts NULL. ERR_BUSY: one could not be
 * removed. */
int cgroup_remove(struct cgroup *g, struct err *err) __attribute__((warn_unused_result));

/* For the mounts in the sandbox: the version 1 hierarchies that were used. NULL at the end.
 * "memory" */
const char *cgroup_v1_hierarchy(const struct cgroup *g, size_t i);
/* Is /sys/fs/cgroup one version 2 hierarchy? */
bool cgroup_is_unified(void);
