/* SPDX-License-Identifier: Apache-2.0 */
/* What answering a call (ids.c) and chown (ids_chown.c) share. */
#pragma once
#include "run/ids.h"

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUPS_MAX 64 /* supplementary ones of one process; more are EINVAL, as the kernel has it */
#define SAME ((uint32_t)-1)

struct cred {
	uint32_t uid[3], gid[3]; /* real, effective, saved */
	uint32_t n_groups;
	uint32_t groups[GROUPS_MAX];
};

struct ids {
	int proc;
	bool around; /* proc is of another pid namespace than the pids of the calls */
	int listener;
	struct cred **creds; /* creds[0] is root; they never change and never go */
	size_t n_creds;
};

/* One call that is being answered. */
struct call {
	struct ids *s;
	const struct seccomp_notif *n;
	struct cred cred; /* a copy of the caller's */
};

/* n bytes of the caller's memory; -EFAULT */
int call_read(const struct call *c, uint64_t at, void *to, size_t n);

static inline uint32_t call_arg(const struct call *c, unsigned i)
{
	return (uint32_t)c->n->data.args[i];
}

static inline bool call_is_root(const struct call *c)
{
	return c->cred.uid[1] == 0;
}

/* ids_chown.c: 0 or a negative errno */

int call_chown_path(
	const struct call *c, int dirfd, uint64_t path_at, const uint32_t owner[2], int flags);
int call_chown_fd(const struct call *c);
/* The path is the first argument. flags: AT_... */
int call_chown_named(struct call *c, int flags);
