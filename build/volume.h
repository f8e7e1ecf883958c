/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --volume for a step: what the user shows of this machine, and with the option O an overlay on it,
 * new for each step, whose changes go with the build's transaction.
 */
#pragma once
#include <stddef.h>

struct build;
struct err;
struct run_mount;
struct txn;

struct volumes {
	int *overlays; /* detached mounts */
	size_t n;
};

/* An overlay on the directory m->source. upper, work: where changes go, of the same file system;
 * -1: to new directories of the transaction. *ret_fd: a detached mount. */
int volume_overlay(struct txn *t, const struct run_mount *m, int upper, int work, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));

/* How many mounts volumes_open() fills in. */
size_t volumes_count(const struct build *b);
/* runs: what is borrowed from the build's options and from *ret. */
int volumes_open(struct build *b, struct run_mount *runs, struct volumes *ret, struct err *err)
	__attribute__((warn_unused_result));
void volumes_close(struct volumes *v);
