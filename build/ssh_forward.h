/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket that leads to an ssh agent. It is our own, so that its owner and mode can be the step's
 * and the agent sees us as its client; a job carries the requests that a step may make
 * (ssh_requests.h), and the answers, for as long as the step lasts.
 */
#pragma once
#include "base/job.h"
#include "build/ssh_source.h"
#include <sys/types.h>

struct err;

/* Makes the socket "agent" in dir and starts the job; job_cancel() ends it. agent: started.
 * *ret_fd: O_PATH of the socket. */
int ssh_forward_start(const struct ssh_source *agent, int dir, mode_t mode, uid_t uid, gid_t gid,
	struct job *ret_job, int *ret_fd, struct err *err) __attribute__((warn_unused_result));
