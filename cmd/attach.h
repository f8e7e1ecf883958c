/* SPDX-License-Identifier: Apache-2.0 */
/* Between our terminal and a running sandbox: bytes, window size and signals, until it ends. */
#pragma once
#include <signal.h>
#include <stdbool.h>

struct err;
struct sandbox;

/* Signals wait for attach() from here on: to be called before anything runs in the sandbox, which
 * could tell somebody that it does. proc_release() where attach() is not reached. */
void attach_hold(sigset_t *ret_before);
/*
 * master: the terminal that the sandbox opened, -1 without one (its standard descriptors are ours
 * then). interactive: what is typed goes in. Returns when the workload has ended and its output has
 * been written; SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 go to it meanwhile. The
 * offer: where others ask (cmd/lend.h), or -1. The
 * terminal is put back on every way out, exit(3) included. before: what attach_hold() gave; signals
 * are as they were then.
 */
int attach(struct sandbox *s, int master, bool interactive, int offer, const sigset_t *before,
	struct err *err) __attribute__((warn_unused_result));
