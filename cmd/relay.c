/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "run/mounts.h"
#include "run/spec.h"

#define COPY_BYTES (64 * KIB)
#define PIPE_MAX (1 * MIB) /* what may be in one: /proc/sys/fs/pipe-max-size */

/* No number of the error goes along: it is not the store's disk that is full. */
static int failed(const char *what, struct err *err)
{
	return err_set(err, ERR_SYS, "cannot %s of the command: %s", what, strerror(errno));
}

/* Whoever is in the background of a terminal may not read from it, and whose turn it is may have
 * changed since. False: that is not why. */
static bool wait_for_turn(int terminal)
{
	static const struct timespec a_while = {.tv_nsec = 100000000};
	if (tcgetpgrp(terminal) < 0)
		return false;
	(void)nanosleep(&a_while, NULL);
	return true;
}

/* Until the end of file, or until nobody is waited for: then what is in the pipe. What the command
 * wrote before a ^C arrives too. */
static int copy_main(void *arg, struct buf *out, struct err *err)
{
	struct relay *r = arg;
	AUTO_FREE char *bytes = xmalloc(COPY_BYTES);
	(void)out;
	mem_close_p(&r->theirs);
	static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGTTIN};
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		if (signal(ignored[i], SIG_IGN) == SIG_ERR)
			return err_sys(err, "cannot ignore signals");
	for (size_t left = PIPE_MAX; left > 0;) {
		struct pollfd p[2] = {
			{.fd = r->from, .events = POLLIN}, {.fd = r->stop[0], .events = POLLIN}};
		if (poll(p, 2, -1) < 0)
			continue;
		if (!p[0].revents)
			return 0;
		ssize_t n = read(r->from, bytes, COPY_BYTES);
		if (n == 0)
			return 0;
		if (n < 0 && (errno == EINTR || (errno == EIO && wait_for_turn(r->from))))
			continue;
		if (n < 0)
			return failed("read the input", err);
		if (fs_write_all(r->to, bytes, (size_t)n) < 0)
			return errno == EPIPE || (errno == EIO && r->terminal)
			               ? 0
			               : failed("write the output", err);
		if (p[1].revents) /* somebody may go on writing */
			left -= (size_t)n < left ? (size_t)n : left;
	}
	return 0;
}

static int start(struct relay *r, int *fd, bool is_input, struct err *err)
{
	int ends[2];
	/* whoever the command is may open /dev/stdin */
	if (pipe2(ends, O_CLOEXEC) < 0 || fchmod(ends[0], 0666) < 0)
		return err_sys(err, "cannot make a pipe");
	if (!is_input && pipe2(r->stop, O_CLOEXEC) < 0) {
		r->stop[0] = r->stop[1] = -1;
		(void)err_sys(err, "cannot make a pipe");
		(void)close(ends[0]);
		(void)close(ends[1]);
		return err->code;
	}
	r->theirs = ends[is_input ? 0 : 1];
	r->from = is_input ? *fd : ends[0];
	r->to = is_input ? ends[1] : *fd;
	r->terminal = isatty(*fd) == 1;
	int code = job_start(&r->job, copy_main, r, err);
	(void)close(ends[is_input ? 1 : 0]);
	*fd = r->theirs;
	return code;
}

/* What the command could open once more, walk out of (a directory), or change the mode of and,
 * though it is only to be written to, read from (a terminal or another device). */
static bool is_outside(int fd, struct stat *ret)
{
	if (fd < 0 || fstat(fd, ret) < 0)
		return false;
	return S_ISREG(ret->st_mode) || S_ISBLK(ret->st_mode) || S_ISDIR(ret->st_mode) ||
	       (S_ISCHR(ret->st_mode) && !device_usual(fd));
}

static void begin(struct relay *relays)
{
	for (size_t i = 0; i < RELAYS; i++)
		relays[i] = (struct relay){.from = -1, .to = -1, .theirs = -1, .stop = {-1, -1}};
}

int relay_stdin(struct relay *relays, struct err *err)
{
	struct stat st;
	int fd = STDIN_FILENO;
	begin(relays);
	if (!is_outside(fd, &st))
		return 0;
	int r = start(&relays[0], &fd, true, err);
	if (r == 0 && dup2(fd, STDIN_FILENO) < 0)
		r = err_sys(err, "cannot replace standard input");
	return r;
}

int relays_start(struct run_spec *spec, struct relay *relays, struct err *err)
{
	int *const fds[RELAYS] = {&spec->in, &spec->out, &spec->errfd};
	struct stat st[RELAYS];
	int r = 0;
	begin(relays);
	for (size_t i = 0; i < RELAYS && r == 0 && !spec->tty; i++) {
		if (!is_outside(*fds[i], &st[i]))
			continue;
		/* one way to one file, so that the order is kept */
		if (i == 2 && relays[1].job.pid && st[1].st_dev == st[2].st_dev &&
			st[1].st_ino == st[2].st_ino)
			spec->errfd = spec->out;
		else
			r = start(&relays[i], fds[i], i == 0, err);
	}
	return r;
}

void relays_hand_over(struct relay *relays)
{
	for (size_t i = 0; i < RELAYS; i++) {
		mem_close_p(&relays[i].theirs);
		relays[i].theirs = -1;
	}
}

int relays_end(struct relay *relays, struct err *err)
{
	int code = 0;
	relays_hand_over(relays);
	for (size_t i = 0; i < RELAYS; i++) {
		struct job *job = &relays[i].job;
		struct err more = ERR_INIT;
		if (!job->pid)
			continue;
		/* somebody else may have been given the other end */
		if (i > 0)
			(void)!write(relays[i].stop[1], "", 1);
		int r = job_collect(job, i > 0, NULL, &more);
		if (r > 0)
			job_cancel(job); /* nobody reads what is left of the input */
		mem_close_p(&relays[i].stop[0]);
		mem_close_p(&relays[i].stop[1]);
		if (r < 0 && code == 0) {
			*err = more;
			code = more.code;
		}
	}
	return code;
}
