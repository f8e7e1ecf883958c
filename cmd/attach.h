/* SPDX-License-Identifier: Apache-2.0 */
/* Between our terminal and a running sandbox: bytes, window size and signals, until it ends. */
#pragma once
#include <stdbool.h>

struct err;
struct sandbox;

/*
 * master: the terminal that the sandbox opened, -1 without one (its standard descriptors are ours
 * then). interactive: what is typed goes in. Returns when the workload has ended and its output has
 * been written; SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 go to it meanwhile. The
 * terminal is put back on every way out, exit(3) included.
 */
int attach(struct sandbox *s, int master, bool interactive, struct err *err)
	__attribute__((warn_unused_result));
