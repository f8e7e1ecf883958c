/* SPDX-License-Identifier: Apache-2.0 */
#include "build/tool_run.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

/* Reads both until they end; else *err tells of what there was too much. */
static int read_both(const struct tool *t, int out, int errs, struct buf *ret_out,
	struct buf *ret_errs, struct err *err)
{
	uint64_t end = clock_ms() + (uint64_t)t->minutes * 60000;
	struct pollfd p[2] = {{.fd = out, .events = POLLIN}, {.fd = errs, .events = POLLIN}};
	struct buf *to[2] = {ret_out, ret_errs};
	char chunk[4096];
	while (p[0].fd >= 0 || p[1].fd >= 0) {
		uint64_t now = clock_ms();
		if (now >= end)
			return err_set(err, ERR_LIMIT, "%s takes longer than %d minutes", t->name,
				t->minutes);
		if (poll(p, 2, (int)(end - now)) < 0 && errno != EINTR)
			return err_sys(err, "cannot read what %s says", t->name);
		for (int i = 0; i < 2; i++) {
			if (p[i].fd < 0 || !p[i].revents)
				continue;
			ssize_t n = read(p[i].fd, chunk, sizeof(chunk));
			if (n <= 0)
				p[i].fd = -1;
			else
				buf_add(to[i], chunk, (size_t)n);
			if (to[i]->toobig)
				return err_set(err, ERR_LIMIT, "%s prints more than %zu bytes",
					t->name, to[i]->max);
		}
	}
	return 0;
}

int tool_run(
	const struct tool *t, struct buf *out, struct buf *errs, int *ret_status, struct err *err)
{
	AUTO_FREE char *program = proc_find(t->name);
	if (!program)
		return err_set(err, ERR_UNSUPPORTED,
			"the program '%s' is needed for this, and is not installed", t->name);
	int o[2], e[2];
	if (pipe2(o, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int out_r = o[0], out_w = o[1];
	if (pipe2(e, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int err_r = e[0], err_w = e[1];
	const struct proc_opts opts = {.env = (const char *const *)strv_argv(t->env),
		.in = t->in,
		.out = out_w,
		.errfd = err_w,
		.keep_fd = t->dirfd,
		.max_file = t->max_file};
	pid_t pid;
	if (proc_spawn(program, (const char *const *)strv_argv(t->argv), &opts, &pid, err) < 0)
		return err->code;
	close(take_fd(&out_w));
	close(take_fd(&err_w));
	int rc = read_both(t, out_r, err_r, out, errs, err);
	if (rc < 0)
		kill(pid, SIGKILL);
	int wstatus = 0;
	if (proc_wait(pid, &wstatus) < 0)
		return err_sys(err, "cannot wait for %s", t->name);
	*ret_status = proc_status(wstatus);
	return rc;
}
