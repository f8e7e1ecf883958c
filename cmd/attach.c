/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cmd/lend.h"
#include "run/sandbox.h"

#define CTRL_D 4
#define INSIST_MS 2000

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

/* Under nohup(1) a terminal that hangs up is nothing to the command either. */
static void attach_set(sigset_t *ret)
{
	(void)sigemptyset(ret);
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
		if (forwarded[i] != SIGHUP || !proc_ignores(SIGHUP))
			(void)sigaddset(ret, forwarded[i]);
}

/* What exit(3) has to put back: the only state here that must outlive the stack. */
static struct termios saved;
static bool is_raw;

static void terminal_restore(void)
{
	if (is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	is_raw = false;
}

static void terminal_raw(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) < 0)
		return;
	raw = saved;
	cfmakeraw(&raw);
	(void)atexit(terminal_restore);
	is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void copy_window_size(int master)
{
	struct winsize w;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0)
		(void)ioctl(master, TIOCSWINSZ, &w);
}

struct pump {
	struct sandbox *sandbox;
	int master, signals;
	struct lend lend;
	bool reading; /* our standard input is still open */
	bool master_open;
	unsigned asked; /* how often in a row it was asked to end */
	uint64_t asked_ms;
	char pending[4096]; /* typed, but not taken yet */
	size_t n_pending;
	char output[PIPE_BUF]; /* not written yet; as much as never blocks once there is room */
	size_t n_output;
};

/* A command that does not listen, or that waits for a child that was told nothing, is ended by who
 * asks three times, each time soon after the last. */
static void ask(struct pump *p)
{
	uint64_t now = clock_ms();
	p->asked = now - p->asked_ms <= INSIST_MS ? p->asked + 1 : 1;
	p->asked_ms = now;
	if (p->asked >= 3)
		sandbox_kill(p->sandbox);
}

/* In our raw mode ^C is a byte, and asks for an end only where the sandbox's terminal makes a
 * signal of it for somebody who reads lines: to an editor, or to the line that a shell edits, it is
 * a key. */
static void ask_by_keys(struct pump *p)
{
	struct termios t;

	if (!is_raw || tcgetattr(p->master, &t) < 0 || !(t.c_lflag & ISIG) || !(t.c_lflag & ICANON))
		return;
	for (size_t i = 0; i < p->n_pending; i++)
		if ((cc_t)p->pending[i] == t.c_cc[VINTR])
			ask(p);
}

/* Who answers ^C by a prompt listens: a line that does not end, after the echo. */
static bool is_prompt(const char *text, size_t n)
{
	if (n >= 2 && memcmp(text + n - 2, "^C", 2) == 0)
		n -= 2;
	return n > 0 && text[n - 1] != '\n';
}

static void from_stdin(struct pump *p)
{
	ssize_t n = read(STDIN_FILENO, p->pending, sizeof(p->pending));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		/* a terminal has no end of file, only a character that says so */
		p->reading = false;
		p->pending[0] = CTRL_D;
		n = 1;
	}
	p->n_pending = (size_t)n;
	ask_by_keys(p);
}

static void to_master(struct pump *p)
{
	ssize_t n = write(p->master, p->pending, p->n_pending);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		n = (ssize_t)p->n_pending; /* nobody reads any more */
	if (n > 0) {
		memmove(p->pending, p->pending + n, p->n_pending - (size_t)n);
		p->n_pending -= (size_t)n;
	}
}

/* Nobody has the terminal any more. What is full has no room again, and poll(2) would tell of the
 * end for as long as nobody takes our output. */
static void drop_typed(struct pump *p)
{
	p->n_pending = 0;
	p->reading = false;
}

static void from_master(struct pump *p)
{
	ssize_t n = read(p->master, p->output, sizeof(p->output));

	if (n > 0) {
		p->n_output = (size_t)n;
		if (is_raw && p->n_output < sizeof(p->output) && is_prompt(p->output, p->n_output))
			p->asked = 0;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		/* EIO: the last of the workload's processes closed its side */
		p->master_open = false;
	}
}

static void to_stdout(struct pump *p)
{
	(void)fs_write_all(STDOUT_FILENO, p->output, p->n_output);
	p->n_output = 0;
}

static void on_signal(struct pump *p)
{
	struct signalfd_siginfo si;

	if (read(p->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo != SIGWINCH)
		sandbox_signal(p->sandbox, (int)si.ssi_signo);
	else if (p->master >= 0)
		copy_window_size(p->master);
	if (si.ssi_signo == SIGINT || si.ssi_signo == SIGTERM)
		ask(p);
}

/* 1: the workload ended */
static int pump_once(struct pump *p, struct err *err)
{
	short master_events = (short)((p->n_output ? 0 : POLLIN) | (p->n_pending ? POLLOUT : 0));
	struct pollfd fds[] = {
		{.fd = sandbox_pidfd(p->sandbox), .events = POLLIN},
		{.fd = p->signals, .events = POLLIN},
		{.fd = p->master_open && master_events ? p->master : -1, .events = master_events},
		{.fd = p->master_open && p->reading && !p->n_pending ? STDIN_FILENO : -1,
			.events = POLLIN},
		{.fd = p->n_output ? STDOUT_FILENO : -1, .events = POLLOUT},
		{.fd = p->lend.offer, .events = POLLIN},
		{.fd = p->lend.pauser, .events = POLLIN},
	};

	if (poll(fds, ARRAY_LEN(fds), -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, "cannot wait for the sandbox");
	if (fds[1].revents)
		on_signal(p);
	if (fds[4].revents)
		to_stdout(p);
	if (fds[2].revents & (POLLHUP | POLLERR))
		drop_typed(p);
	else if (fds[2].revents & POLLOUT)
		to_master(p);
	if (fds[2].revents & (POLLIN | POLLHUP | POLLERR) && !p->n_output)
		from_master(p);
	if (fds[3].revents)
		from_stdin(p);
	if (fds[6].revents)
		lend_resume(&p->lend);
	if (fds[5].revents && !fds[0].revents)
		lend_answer(&p->lend);
	return fds[0].revents ? 1 : 0;
}

/* What the workload wrote last is still in the terminal's buffer. */
static void drain(struct pump *p)
{
	do {
		to_stdout(p);
		if (p->master_open)
			from_master(p);
	} while (p->n_output);
}

void attach_hold(sigset_t *ret_before)
{
	sigset_t set;

	attach_set(&set);
	(void)sigprocmask(SIG_BLOCK, &set, ret_before);
}

int attach(struct sandbox *s, int master, bool interactive, int offer, const sigset_t *before,
	struct err *err)
{
	struct pump p = {.sandbox = s,
		.master = master,
		.lend = {.sandbox = s, .offer = offer, .pauser = -1},
		.reading = interactive,
		.master_open = master >= 0};
	sigset_t set;
	int r = 0;

	attach_set(&set);
	p.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p.signals < 0) {
		r = err_sys(err, "cannot receive signals");
		proc_release(before);
		return r;
	}
	if (master >= 0) {
		(void)fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
		copy_window_size(master);
		if (interactive)
			terminal_raw();
	}
	while (r == 0)
		r = pump_once(&p, err);
	terminal_restore();
	lend_resume(&p.lend);
	(void)close(p.signals);
	/* before what may wait for whoever reads our output */
	proc_release(before);
	drain(&p);
	return r < 0 ? r : 0;
}
