/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: a forked copy of ourselves with one function, one input and one output. The child writes
 * its result bytes, then its struct err, to a pipe; the parent watches job.fd (readable or hung up:
 * call job_collect until it is done). A job dies with its parent (PR_SET_PDEATHSIG).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct err;

/* The child's function: writes its result into out (up to 1 MiB) and returns 0, or an error. It
 * runs with SIGINT and SIGTERM at their defaults. */
typedef int (*job_fn)(void *arg, struct buf *out, struct err *err);

struct job {
	pid_t pid;
	int fd; /* read end of the result pipe; poll it */
	struct buf *raw;
	uint64_t end_ms; /* 0, or the time by clock_ms() when it is killed; set after job_start() */
};

int job_start(struct job *job, job_fn fn, void *arg, struct err *err)
	__attribute__((warn_unused_result));
/* Reads what is there. 0: finished well, *ret (may be NULL) holds the result bytes; 1: not finished
 * yet (only when !wait); negative: the child's error, ERR_SYS "... was killed by signal N", or,
 * where it is waited for, ERR_CANCELLED as for proc_interrupted(); ERR_LIMIT: it was its end_ms.
 * After 0 or an error the job is over and reaped. */
int job_collect(struct job *job, bool wait, struct buf *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Kills and reaps. Accepts a job that is over or zero with pid 0. */
void job_cancel(struct job *job);
/* In a job's function: the descriptor that its result will be written to (to be kept by who closes
 * all others); -1 elsewhere. */
int job_result_fd(void);
/* start + collect */
int job_run(job_fn fn, void *arg, struct buf *ret, struct err *err)
	__attribute__((warn_unused_result));
