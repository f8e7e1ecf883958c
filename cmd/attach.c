/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/attach.h"

#include <errno.h>
#include <fcntl.h>
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
#include "run/sandbox.h"

#define CTRL_D 4
#define INSIST_MS 1000

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

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
	bool reading; /* our standard input is still open */
	bool master_open;
	unsigned asked; /* how often in a row it was asked to end */
	uint64_t asked_ms;
	char pending[4096]; /* typed, but not taken yet */
	size_t n_pending;
};

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

/* false: nothing more for now */
static bool from_master(struct pump *p)
{
	char buf[16384];
	ssize_t n = read(p->master, buf, sizeof(buf));

	if (n > 0) {
		(void)fs_write_all(STDOUT_FILENO, buf, (size_t)n);
		return true;
	}
	/* EIO: the last of the workload's processes closed its side */
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		p->master_open = false;
	return false;
}

/* A command that does not listen, or that waits for a child that was told nothing, is ended by who
 * asks three times, each time within a second of the last. */
static bool insists(struct pump *p, uint32_t sig)
{
	if (sig != SIGINT && sig != SIGTERM)
		return false;
	uint64_t now = clock_ms();
	p->asked = now - p->asked_ms <= INSIST_MS ? p->asked + 1 : 1;
	p->asked_ms = now;
	return p->asked >= 3;
}

static void on_signal(struct pump *p)
{
	struct signalfd_siginfo si;

	if (read(p->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (insists(p, si.ssi_signo))
		sandbox_kill(p->sandbox);
	else if (si.ssi_signo != SIGWINCH)
		sandbox_signal(p->sandbox, (int)si.ssi_signo);
	else if (p->master >= 0)
		copy_window_size(p->master);
}

/* 1: the workload ended */
static int pump_once(struct pump *p, struct err *err)
{
	short master_events = (short)(POLLIN | (p->n_pending ? POLLOUT : 0));
	struct pollfd fds[] = {
		{.fd = sandbox_pidfd(p->sandbox), .events = POLLIN},
		{.fd = p->signals, .events = POLLIN},
		{.fd = p->master_open ? p->master : -1, .events = master_events},
		{.fd = p->master_open && p->reading && !p->n_pending ? STDIN_FILENO : -1,
			.events = POLLIN},
	};

	if (poll(fds, ARRAY_LEN(fds), -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, "cannot wait for the sandbox");
	if (fds[1].revents)
		on_signal(p);
	if (fds[2].revents & POLLOUT)
		to_master(p);
	if (fds[2].revents & (POLLIN | POLLHUP | POLLERR))
		(void)from_master(p);
	if (fds[3].revents)
		from_stdin(p);
	return fds[0].revents ? 1 : 0;
}

int attach(struct sandbox *s, int master, bool interactive, struct err *err)
{
	struct pump p = {
		.sandbox = s, .master = master, .reading = interactive, .master_open = master >= 0};
	sigset_t set, before;
	int r = 0;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
		(void)sigaddset(&set, forwarded[i]);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	p.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p.signals < 0) {
		r = err_sys(err, "cannot receive signals");
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
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
	/* what the workload wrote last is still in the terminal's buffer */
	while (p.master_open && from_master(&p))
		;
	terminal_restore();
	(void)close(p.signals);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r < 0 ? r : 0;
}
