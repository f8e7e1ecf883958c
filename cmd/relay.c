/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "run/spec.h"

#define COPY_BYTES (64 * KIB)

/* Until the end of file. What the command wrote before a ^C arrives too. */
static int copy_main(void *arg, struct buf *out, struct err *err)
{
	struct relay *r = arg;
	AUTO_FREE char *bytes = xmalloc(COPY_BYTES);
	(void)out;
	mem_close_p(&r->theirs);
	static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE};
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		if (signal(ignored[i], SIG_IGN) == SIG_ERR)
			return err_sys(err, "cannot ignore signals");
	for (;;) {
		ssize_t n = read(r->from, bytes, COPY_BYTES);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read for the command");
		if (fs_write_all(r->to, bytes, (size_t)n) < 0)
			return errno == EPIPE ? 0 : err_sys(err, "cannot write for the command");
	}
}

static int start(struct relay *r, int *fd, bool is_input, struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	r->theirs = ends[is_input ? 0 : 1];
	r->from = is_input ? *fd : ends[0];
	r->to = is_input ? ends[1] : *fd;
	int code = job_start(&r->job, copy_main, r, err);
	(void)close(ends[is_input ? 1 : 0]);
	*fd = r->theirs;
	return code;
}

/* The command could open it once more. */
static bool is_file(int fd, struct stat *ret)
{
	return fd >= 0 && fstat(fd, ret) == 0 && (S_ISREG(ret->st_mode) || S_ISBLK(ret->st_mode));
}

static void begin(struct relay *relays)
{
	for (size_t i = 0; i < RELAYS; i++)
		relays[i] = (struct relay){.from = -1, .to = -1, .theirs = -1};
}

int relay_stdin(struct relay *relays, struct err *err)
{
	struct stat st;
	int fd = STDIN_FILENO;
	begin(relays);
	if (!is_file(fd, &st))
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
		if (!is_file(*fds[i], &st[i]))
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
	job_cancel(&relays[0].job); /* nobody reads what is left of the input */
	for (size_t i = 1; i < RELAYS; i++) {
		struct err more = ERR_INIT;
		if (relays[i].job.pid && job_collect(&relays[i].job, true, NULL, &more) < 0 &&
			code == 0) {
			*err = more;
			code = more.code;
		}
	}
	return code;
}
