/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees are walked by functions that call themselves, as deep as a path of a layer can be. What
 * that takes is not always within the limit of the stack (ulimit -s), and without it a command ends
 * by a signal.
 */
#pragma once

struct err;

/* Calls fn with enough of a stack, whatever the limit is. ERR_LIMIT: there is none to be had. The
 * workload has the limit that is raised here, too. */
int stack_call(int (*fn)(void *arg), void *arg, struct err *err)
	__attribute__((warn_unused_result));
