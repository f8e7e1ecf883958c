/* SPDX-License-Identifier: Apache-2.0 */
/* Many small pieces of work, shared by as many processes as there are cores. */
#pragma once
#include <stddef.h>

struct err;

/*
 * Does the pieces [from, to). It runs in several processes, each with a copy of what arg points to
 * as it was at the start; what they make for the caller goes to files or to shared memory.
 */
typedef int (*crew_fn)(void *arg, size_t from, size_t to, struct err *err);

/*
 * All n pieces, in ranges of at most chunk, by up to `most` processes of which this one is one;
 * no piece twice. After an error of one of them the others are stopped.
 */
int crew_run(size_t n, size_t chunk, unsigned most, crew_fn fn, void *arg, struct err *err)
	__attribute__((warn_unused_result));
/* Of the machine, 1 to CREW_MAX. */
#define CREW_MAX 8
unsigned crew_cores(void);
