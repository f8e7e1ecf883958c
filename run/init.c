/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1 of the sandbox: a forked copy of the caller, which builds the box around itself, starts the
 * workload and waits; or has the workload built into a box one level further down. */
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/proc.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED 125

/*
 * The caller's arguments and environment lie at the top of our memory, where /proc/1/cmdline and
 * /proc/1/environ read them (CVE-2021-3602). Not being dumpable protects the environment from all
 * but CAP_SYS_PTRACE, and the arguments from nobody: overwrite both.
 */
static void forget_arguments(void)
{
	char text[2048];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	/* proc_pid_stat(5): after the command's ')' comes field 3; arg_start, arg_end, env_start,
	 * env_end are 48..51 */
	char *s = strrchr(text, ')');
	uintptr_t at[4] = {0};
	for (int field = 2; s && field < 52; field++, s = strchr(s + 1, ' '))
		if (field >= 48)
			at[field - 48] = (uintptr_t)strtoull(s, NULL, 10);
	for (int i = 0; i < 4; i += 2)
		if (at[i] && at[i + 1] > at[i] && at[i + 1] - at[i] < 16 * MIB)
			explicit_bzero((void *)at[i],
				at[i + 1] - at[i]); /* NOLINT(performance-no-int-to-ptr) */
	environ = NULL;
	(void)prctl(PR_SET_NAME, "mica-init", 0, 0, 0);
}

static int prepare_process(const struct box *b, struct err *err)
{
	/* When the caller dies, we die, and with PID 1 everything. It may be dead already: then
	 * nobody holds the other end. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, "cannot tie the sandbox to its caller");
	struct pollfd p = {.fd = b->report, .events = 0};
	if (poll(&p, 1, 0) < 0 || p.revents & POLLHUP)
		_exit(FAILED);
	/* Nobody in the sandbox may trace us or open our files (CVE-2016-9962, CVE-2019-5736). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, "cannot protect the sandbox's init");
	/* No signal may interrupt what follows; they wait until the workload can have them. */
	sigset_t all;
	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return err_sys(err, "cannot block signals");
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)setsid(); /* the caller's terminal is none of our business */
	umask(022);
	return 0;
}

/* The workload's descriptors, out of the way of 0, 1 and 2. */
static int collect_stdio(struct box *b, struct err *err)
{
	const int wanted[3] = {b->spec->in, b->spec->out, b->spec->errfd};
	for (int i = 0; i < 3; i++) {
		int fd = b->terminal >= 0 ? b->terminal : wanted[i];
		if (fd < 0) {
			AUTO_FD int null =
				openat(b->dev, "null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
			b->stdio[i] = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, 3);
		} else {
			b->stdio[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		}
		if (b->stdio[i] < 0)
			return err_sys(err, "cannot set up descriptor %d of the workload", i);
	}
	return 0;
}

/* "Not found" is told of a command: one that nobody may run is not a missing one. */
static int resolve_user(struct box *b, struct err *err)
{
	int r = user_resolve(b->root, b->spec->user, &b->user, err);
	if (r == 0)
		r = user_add_groups(b->root, &b->spec->groups, &b->user, err);
	if (r == ERR_NOT_FOUND)
		r = err->code = ERR_INVALID;
	return r;
}

/* The order matters; each step says why it is where it is. */
static int build_box(struct box *b, struct err *err)
{
	/* first, while /proc is still the host's and readable */
	forget_arguments();
	int r = prepare_process(b, err);
	/* the cgroup before its namespace, the net namespace before sysfs, which shows it */
	if (r == 0)
		r = namespaces_setup(b, err);
	/* everything below is mounted on the root */
	if (r == 0)
		r = rootfs_attach(b, err);
	/* the image's own accounts, before anything is mounted over /etc */
	if (r == 0)
		r = resolve_user(b, err);
	/* while the old root is there: devices are bound from it, and proc is only allowed where a
	 * full one is visible */
	if (r == 0)
		r = mounts_kernel(b, err);
	if (r == 0)
		r = etc_files(b, err);
	/* last: so that no mount of the caller's can be in the way of ours */
	if (r == 0)
		r = mounts_user(b, err);
	if (r == 0)
		r = collect_stdio(b, err);
	/* the host is gone after this */
	if (r == 0)
		r = rootfs_pivot(b, err);
	/* in the new root, so that the kernel resolves it there */
	if (r == 0)
		r = rootfs_chdir(b, err);
	return r;
}

/*
 * The kernel drops what PID 1 of a namespace has not asked for, so a server without a handler for
 * SIGTERM could not be stopped: for those signals we do what their default action would be. Bits as
 * in proc_pid_status(5).
 */
static bool would_be_dropped(int status, int sig)
{
	char text[4096];
	switch (sig) {
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false; /* their default action kills nobody */
	default:
		break;
	}
	ssize_t n = status < 0 ? -1 : pread(status, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	const char *ignored = strstr(text, "\nSigIgn:"), *caught = strstr(text, "\nSigCgt:");
	if (!ignored || !caught)
		return false;
	uint64_t wanted = strtoull(ignored + 8, NULL, 16) | strtoull(caught + 8, NULL, 16);
	return !(wanted >> (sig - 1) & 1);
}

/* Until the workload ends. Everything else in the namespace is killed by the kernel when we exit.
 * status: the workload's /proc/PID/status if it is a PID 1 itself, else -1 */
static _Noreturn void reap(pid_t workload, int status)
{
	int killed_for = 0;
	sigset_t all;
	sigfillset(&all);
	for (;;) {
		siginfo_t info;
		if (sigwaitinfo(&all, &info) < 0)
			continue;
		if (info.si_signo != SIGCHLD) {
			bool dropped = would_be_dropped(status, info.si_signo);
			if (dropped)
				killed_for = info.si_signo;
			(void)kill(workload, dropped ? SIGKILL : info.si_signo);
			continue;
		}
		int how;
		pid_t pid;
		while ((pid = waitpid(-1, &how, WNOHANG)) > 0)
			if (pid == workload)
				_exit(WIFSIGNALED(how) && killed_for ? 128 + killed_for
								     : proc_status(how));
	}
}

/* In the box: builds it and becomes the workload. Only comes back with an error. */
static void enter_box(struct box *b, struct err *err)
{
	if (build_box(b, err) == 0)
		exec_workload(b);
}

/* The status file of a child, in the /proc that is mounted now; its number there is in the fdinfo
 * of its pidfd. -1 if there is none. */
static int open_status(int proc, pid_t pid)
{
	char path[64], text[512];
	AUTO_FD int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	(void)snprintf(path, sizeof(path), "self/fdinfo/%d", fd);
	AUTO_FD int info = fd < 0 ? -1 : openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	const char *line = strstr(text, "\nPid:");
	long number = line ? strtol(line + 5, NULL, 10) : 0;
	if (number <= 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%ld/status", number);
	return openat(proc, path, O_RDONLY | O_CLOEXEC);
}

/*
 * The workload as PID 1: of a second pid namespace, so that we stay what kills everything when we
 * end. The box is built in there, since /proc shows the namespace of whoever mounts it.
 */
static pid_t start_as_pid1(struct box *b, int *ret_status, struct err *err)
{
	/* the host's, before the child changes the root of us both */
	AUTO_FD int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	forget_arguments();
	if (prepare_process(b, err) < 0)
		return -1;
	if (unshare(CLONE_NEWPID) < 0) {
		(void)err_sys(err, "cannot make the workload's pid namespace");
		return -1;
	}
	pid_t pid = fork();
	if (pid < 0)
		(void)err_sys(err, "cannot start the workload");
	if (pid == 0) {
		enter_box(b, err);
		(void)report_error(b->report, err);
		_exit(FAILED);
	}
	*ret_status = pid < 0 || proc < 0 ? -1 : open_status(proc, pid);
	return pid;
}

static pid_t start_beside_init(struct box *b, struct err *err)
{
	if (build_box(b, err) < 0)
		return -1;
	pid_t pid = fork();
	if (pid < 0)
		(void)err_sys(err, "cannot start the workload");
	if (pid == 0)
		exec_workload(b);
	return pid;
}

_Noreturn void init_main(struct box *b)
{
	struct err err = ERR_INIT;
	int status = -1;
	pid_t pid = b->spec->as_pid1 ? start_as_pid1(b, &status, &err) : start_beside_init(b, &err);
	if (pid < 0) {
		(void)report_error(b->report, &err);
		_exit(FAILED);
	}
	/* Nothing may be left open in here: neither the caller's pipes nor the report socket, whose
	 * end tells the caller that the workload runs. */
	if (status >= 0 && dup2(status, 0) < 0)
		_exit(FAILED);
	if (proc_close_fds(status >= 0 ? 1 : 0, ~0U) < 0)
		_exit(FAILED);
	reap(pid, status >= 0 ? 0 : -1);
}
