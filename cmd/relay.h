/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command could open the files that its input and output were redirected to once more, by
 * /proc/self/fd, and write to its input or read what a log had before; under a label of SELinux it
 * may not touch them at all. It is given pipes, and a process of ours copies.
 */
#pragma once
#include "base/job.h"

struct run_spec;

#define RELAYS 3

struct relay {
	int from, to; /* what the process copies; -1 */
	int theirs; /* which of both is the command's, to be closed when it has it; -1 */
	int stop[2]; /* a pipe: a byte in it says that nobody is waited for any more */
	struct job job;
};

/* Puts pipes in place of what are files in the spec. relays: RELAYS of them, to be ended whatever
 * happens. */
int relays_start(struct run_spec *spec, struct relay *relays, struct err *err)
	__attribute__((warn_unused_result));
/* The same for our own standard input, which the steps of a build are given. */
int relay_stdin(struct relay *relays, struct err *err) __attribute__((warn_unused_result));
/* The command has its ends. */
void relays_hand_over(struct relay *relays);
/* Nothing writes any more: waits until all is written. */
int relays_end(struct relay *relays, struct err *err) __attribute__((warn_unused_result));
