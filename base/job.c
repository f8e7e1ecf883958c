/* SPDX-License-Identifier: Apache-2.0 */
#include "base/job.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESULT_MAX (1 * MIB)

/* What the child sends: this header, the result, and the error when code is not 0. */
struct job_reply {
	uint32_t magic;
	int32_t code;
	uint64_t len;
};
#define JOB_MAGIC 0x6d696361U
#define INTERRUPT_MS 100 /* how soon who holds signals back sees them */

static int result_fd = -1; /* one a process: a job is its process */

int job_result_fd(void)
{
	return result_fd;
}

static _Noreturn void job_child(int fd, job_fn fn, void *arg)
{
	result_fd = fd;
	struct buf result = BUF_INIT(RESULT_MAX);
	struct err err = ERR_INIT;
	int rc = fn(arg, &result, &err);
	if (rc == 0 && result.toobig)
		rc = err_set(&err, ERR_LIMIT, "the result of a job is larger than %llu bytes",
			RESULT_MAX);
	struct job_reply reply = {
		.magic = JOB_MAGIC, .code = rc, .len = rc ? sizeof(err) : result.len};
	bool ok = fs_write_all(fd, &reply, sizeof(reply)) == 0 &&
	          fs_write_all(fd, rc ? (const void *)&err : buf_str(&result), reply.len) == 0;
	buf_done(&result);
	_exit(ok ? 0 : 125);
}

int job_start(struct job *job, job_fn fn, void *arg, struct err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0) {
		int saved = errno;
		close(fds[0]);
		close(fds[1]);
		errno = saved;
		return err_sys(err, "cannot fork");
	}
	if (pid == 0) {
		proc_child_setup(parent);
		close(fds[0]);
		job_child(fds[1], fn, arg);
	}
	close(fds[1]);
	job->pid = pid;
	job->fd = fds[0];
	job->end_ms = 0;
	job->raw = xcalloc(1, sizeof(*job->raw));
	buf_init(job->raw, RESULT_MAX + sizeof(struct job_reply) + sizeof(struct err));
	return 0;
}

static void job_over(struct job *job, int *wstatus)
{
	close(take_fd(&job->fd));
	if (proc_wait(job->pid, wstatus) < 0 && wstatus)
		*wstatus = 0;
	job->pid = 0;
}

static int job_result(struct job *job, int wstatus, struct buf *ret, struct err *err)
{
	struct job_reply reply;
	const struct buf *raw = job->raw;
	if (raw->len < sizeof(reply) || raw->toobig) {
		if (WIFSIGNALED(wstatus))
			return err_set(err, ERR_SYS,
				"a worker process was killed by signal %d (%s)", WTERMSIG(wstatus),
				strsignal(WTERMSIG(wstatus)));
		return err_set(err, ERR_SYS,
			"a worker process ended with status %d without a result",
			proc_status(wstatus));
	}
	memcpy(&reply, raw->data, sizeof(reply));
	const char *body = raw->data + sizeof(reply);
	if (reply.magic != JOB_MAGIC || reply.len != raw->len - sizeof(reply) ||
		(reply.code && reply.len != sizeof(*err)))
		return err_set(err, ERR_SYS, "a worker process sent a damaged result");
	if (reply.code) {
		memcpy(err, body, sizeof(*err));
		err->msg[sizeof(err->msg) - 1] = '\0';
		if (err->code >= 0)
			err->code = ERR_SYS;
		return err->code;
	}
	if (ret)
		buf_add(ret, body, reply.len);
	return 0;
}

int job_collect(struct job *job, bool wait, struct buf *ret, struct err *err)
{
	for (;;) {
		struct pollfd p = {.fd = job->fd, .events = POLLIN};
		if (poll(&p, 1, wait ? INTERRUPT_MS : 0) <= 0) {
			if (job->end_ms && clock_ms() >= job->end_ms) {
				job_cancel(job);
				return err_set(err, ERR_LIMIT, "a worker process took too long");
			}
			if (!wait)
				return 1;
			if (proc_interrupted(err) < 0) {
				job_cancel(job);
				return err->code;
			}
			continue;
		}
		char chunk[16 * KIB];
		ssize_t n = read(job->fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0) {
			buf_add(job->raw, chunk, (size_t)n);
			continue;
		}
		int wstatus = 0;
		job_over(job, &wstatus);
		int rc = job_result(job, wstatus, ret, err);
		buf_done(job->raw);
		free(take(job->raw));
		return rc;
	}
}

void job_cancel(struct job *job)
{
	if (job->pid <= 0)
		return;
	kill(job->pid, SIGKILL);
	job_over(job, NULL);
	buf_done(job->raw);
	free(take(job->raw));
}

int job_run(job_fn fn, void *arg, struct buf *ret, struct err *err)
{
	struct job job;
	if (job_start(&job, fn, arg, err) < 0)
		return err->code;
	return job_collect(&job, true, ret, err);
}
