/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command could open the files that its input and output were redirected to once more, by
 * /proc/self/fd, and write to its input or read what a log had before; from a directory it could
 * walk to all others; from a terminal that it writes to it could read what is typed for others, and
 * as root give it, or any device, to everybody; under a label of SELinux it may not touch them at
 * all. It is given pipes, and a process of ours copies. What everybody's /dev has is none of these.
 */
#pragma once
#include "base/job.h"
#include <stdbool.h>

struct run_spec;

#define RELAYS 3

struct relay {
	int from, to; /* what the process copies; -1 */
	int theirs; /* which of both is the command's, to be closed when it has it; -1 */
	bool terminal; /* what is outside: it may have hung up */
	int stop[2]; /* a pipe: a byte in it says that nobody is waited for any more */
	struct job job;
};

/* Puts pipes in place of all these in the spec. relays: RELAYS of them, to be ended whatever
 * happens. */
int relays_start(struct run_spec *spec, struct relay *relays, struct err *err)
	__attribute__((warn_unused_result));
/* The same for our own standard input, which the steps of a build are given. */
int relay_stdin(struct relay *relays, struct err *err) __attribute__((warn_unused_result));
/* The command has its ends. */
void relays_hand_over(struct relay *relays);
/* Nothing writes any more: waits until all is written. */
int relays_end(struct relay *relays, struct err *err) __attribute__((warn_unused_result));
