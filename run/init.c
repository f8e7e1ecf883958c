/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1 of the sandbox: a forked copy of the caller, which builds the box around itself, starts the
 * workload and waits; or has the workload built into a box one level further down. */
#include "run/init.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/proc.h"
#include "run/executed.h"
#include "run/ids.h"
#include "run/mounts.h"
#include "run/report.h"
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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED 125
#define NOT_EXECUTED 126

/*
 * The caller's arguments and environment lie at the top of our memory, where /proc/1/cmdline and
 * /proc/1/environ read them (CVE-2021-3602). Not being dumpable protects the environment from all
 * but CAP_SYS_PTRACE, and the arguments from nobody: overwrite both.
 */
void init_forget_arguments(void)
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

int init_protect(struct err *err)
{
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

static int prepare_process(const struct box *b, struct err *err)
{
	/* first, while /proc is still the host's and readable */
	init_forget_arguments();
	/* before what it forgets. Mount points and file systems that are made from here on are the
	 * workload's root's. */
	if (run_spec_ids(b->spec) && idmap_be_root(&b->spec->users, err) < 0)
		return err->code;
	/* When the caller dies, we die, and with PID 1 everything. It may be dead already: then
	 * nobody holds the other end. */
	if (run_spec_shares_pids(b->spec)) {
		if (adopt_begin(err) < 0)
			return err->code;
	} else if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
		return err_sys(err, "cannot tie the sandbox to its caller");
	}
	struct pollfd p = {.fd = b->report, .events = 0};
	if (poll(&p, 1, 0) < 0 || p.revents & POLLHUP)
		_exit(FAILED);
	return init_protect(err);
}

/* fd: the caller's, or -1. A device of the host's would be one whose mode is the workload's to
 * change: the sandbox's own instead, which is mounted read-only. */
static int open_stdio(const struct box *b, int fd, bool input)
{
	const char *name = fd < 0 ? "null" : device_usual(fd);
	if (!name)
		return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int flags = fd >= 0 ? fcntl(fd, F_GETFL) & O_ACCMODE : input ? O_RDONLY : O_WRONLY;
	AUTO_FD int own = openat(b->dev, name, flags | O_CLOEXEC);
	return own < 0 ? -1 : fcntl(own, F_DUPFD_CLOEXEC, 3);
}

int init_collect_stdio(struct box *b, struct err *err)
{
	const int wanted[3] = {b->spec->in, b->spec->out, b->spec->errfd};
	for (int i = 0; i < 3; i++) {
		b->stdio[i] = open_stdio(b, b->terminal >= 0 ? b->terminal : wanted[i], i == 0);
		if (b->stdio[i] < 0)
			return err_sys(err, "cannot set up descriptor %d of the workload", i);
	}
	return 0;
}

int init_resolve_user(struct box *b, struct err *err)
{
	int r = user_resolve(b->root, b->spec->user, &b->user, err);
	if (r == 0)
		r = user_add_groups(b->root, &b->spec->groups, &b->user, err);
	if (r == ERR_NOT_FOUND)
		r = err->code = ERR_INVALID;
	if (r < 0)
		return r;
	const struct report_user user = {.uid = b->user.uid, .gid = b->user.gid};
	/* from the old root, and by ourselves: a user's processes may not look at who is protected.
	 * Where it cannot be had, it is not lent */
	AUTO_FD int mounts =
		b->spec->lends_root ? open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC) : -1;
	return report_user(b->report, &user, mounts) < 0
	               ? err_sys(err, "cannot tell who the workload is")
	               : 0;
}

/* The order matters; each step says why it is where it is. */
static int build_box(struct box *b, struct err *err)
{
	/* the cgroup before its namespace, the net namespace before sysfs, which shows it */
	int r = namespaces_setup(b, err);
	/* everything below is mounted on the root */
	if (r == 0)
		r = rootfs_attach(b, err);
	/* the image's own accounts, before anything is mounted over /etc */
	if (r == 0)
		r = init_resolve_user(b, err);
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
		r = init_collect_stdio(b, err);
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

int init_next_signal(const struct watch *w, const sigset_t *set, siginfo_t *ret)
{
	struct pollfd p[2] = {{.fd = w->signals, .events = POLLIN},
		{.fd = w->ids ? ids_listener(w->ids) : -1, .events = POLLIN}};
	while (w->ids && !(p[0].revents & POLLIN)) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -1;
		/* an error: nobody is left who could ask */
		bool over = p[1].revents & POLLIN ? ids_answer(w->ids) < 0 : p[1].revents != 0;
		if (over)
			p[1].fd = -1;
	}
	return sigwaitinfo(set, ret);
}

pid_t init_next_end(struct watch *w, pid_t workload, int *ret_how)
{
	pid_t pid;
	while ((pid = waitpid(-1, ret_how, WNOHANG)) > 0 && WIFSTOPPED(*ret_how))
		if (!executed_look(&w->process, pid, *ret_how)) {
			(void)kill(workload, SIGKILL);
			*ret_how = W_EXITCODE(NOT_EXECUTED, 0);
			return workload;
		}
	return pid;
}

/* Everything else in a pid namespace of ours is killed by the kernel. */
static _Noreturn void finish(const struct watch *w, int status)
{
	if (w->proc >= 0)
		adopt_kill_all(w->proc);
	_exit(status);
}

/* Until the workload ends. */
static _Noreturn void reap(pid_t workload, struct watch *w)
{
	int killed_for = 0;
	sigset_t all;
	sigfillset(&all);
	for (;;) {
		siginfo_t info;
		if (init_next_signal(w, &all, &info) < 0)
			continue;
		if (info.si_signo == ADOPT_END && w->proc >= 0)
			finish(w, 128 + SIGKILL);
		if (info.si_signo != SIGCHLD) {
			bool dropped = would_be_dropped(w->status, info.si_signo);
			if (dropped)
				killed_for = info.si_signo;
			(void)kill(workload, dropped ? SIGKILL : info.si_signo);
			continue;
		}
		int how;
		pid_t pid;
		while ((pid = init_next_end(w, workload, &how)) > 0)
			if (pid == workload)
				finish(w, WIFSIGNALED(how) && killed_for ? 128 + killed_for
									 : proc_status(how));
	}
}

/* A child of init's, which has what init has prepared for itself, and dies with it: builds the box
 * and becomes the workload. Only comes back with an error. */
static void enter_box(struct box *b, struct err *err)
{
	if (build_box(b, err) == 0)
		exec_workload(b);
}

/* The status file of a child, in the /proc that is mounted now. -1 if there is none. */
static int open_status(int proc, pid_t pid)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "%d/status", proc_number(proc, pid));
	return openat(proc, path, O_RDONLY | O_CLOEXEC);
}

/*
 * The workload as PID 1: of a second pid namespace, so that we stay what kills everything when we
 * end. The box is built in there, since /proc shows the namespace of whoever mounts it.
 */
static pid_t start_as_pid1(struct box *b, struct watch *w, struct err *err)
{
	/* the host's, before the child changes the root of us both */
	AUTO_FD int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (prepare_process(b, err) < 0)
		return -1;
	if (unshare(CLONE_NEWPID) < 0) {
		(void)err_sys(err, "cannot make the workload's pid namespace");
		return -1;
	}
	/* not vfork(2): who is traced stops at each signal, and we must be there to let it go on */
	pid_t pid = fork();
	if (pid < 0)
		(void)err_sys(err, "cannot start the workload");
	if (pid == 0) {
		enter_box(b, err);
		(void)report_error(b->report, err);
		_exit(FAILED);
	}
	w->status = pid < 0 || proc < 0 ? -1 : open_status(proc, pid);
	w->process = executed_open(b, proc, pid);
	return pid;
}

static pid_t start_beside_init(struct box *b, struct watch *w, struct err *err)
{
	AUTO_FD int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (prepare_process(b, err) < 0 || build_box(b, err) < 0)
		return -1;
	pid_t pid = fork();
	if (pid < 0)
		(void)err_sys(err, "cannot start the workload");
	if (pid == 0)
		exec_workload(b);
	w->process = executed_open(b, proc, pid);
	return pid;
}

/* A /proc for ourselves, while a full one is visible: it shows the pid namespace that we are in.
 * Who is root of a user namespace alone may mount none of this machine's processes: then the one
 * that is there shows the same. */
static int own_proc(const struct box *b, int *ret_fd, struct err *err)
{
	int fd = mount_new("proc", NULL, 0);
	if (fd < 0 && errno == EPERM && b->spec->host_pid)
		fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*ret_fd = fd;
	if (fd < 0 && errno == EPERM)
		return err_set(err, ERR_UNSUPPORTED,
			"cannot mount a /proc of our own, which a pid namespace that is joined "
			"needs: parts of the one around us are hidden, as in most containers; "
			"leave "
			"out '--pid'");
	return fd < 0 ? err_sys(err, "cannot mount a /proc of our own") : 0;
}

int init_answer_ids(struct box *b, int proc, bool around, struct watch *w, struct err *err)
{
	int socks[2];
	sigset_t all;
	sigfillset(&all);
	w->signals = signalfd(-1, &all, SFD_CLOEXEC);
	if (w->signals < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return err_sys(err, "cannot prepare for the workload's questions");
	w->ids = ids_new(proc, around);
	w->sock = socks[0];
	b->ids = socks[1];
	return 0;
}

void init_receive_ids(const struct box *b, struct watch *w)
{
	if (!w->ids)
		return;
	close(b->ids);
	if (ids_receive(w->ids, w->sock) < 0)
		w->ids = NULL;
}

static int prepare_ids(struct box *b, struct watch *w, struct err *err)
{
	int proc = -1;
	if (!b->one_user)
		return 0;
	int r = own_proc(b, &proc, err);
	bool around = r == ERR_UNSUPPORTED;
	if (around) {
		err_clear(err);
		proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = proc < 0 ? err_sys(err, "cannot open '/proc'") : 0;
	}
	return r < 0 ? r : init_answer_ids(b, proc, around, w, err);
}

void init_close_all_but(struct watch *w)
{
	int keep[6], n = 0;
	if (w->status >= 0)
		keep[n++] = w->status;
	if (w->process >= 0)
		keep[n++] = w->process;
	if (w->proc >= 0)
		keep[n++] = w->proc;
	if (w->ids) {
		keep[n++] = w->signals;
		ids_keep(w->ids, keep + n);
		n += 2;
	}
	for (int i = 0; i < n; i++)
		if (dup2(keep[i], i) < 0)
			_exit(FAILED);
	if (proc_close_fds((unsigned)n, ~0U) < 0)
		_exit(FAILED);
	int at = 0;
	w->status = w->status >= 0 ? at++ : -1;
	w->process = w->process >= 0 ? at++ : -1;
	w->proc = w->proc >= 0 ? at++ : -1;
	w->signals = w->ids ? at++ : -1;
	if (w->ids)
		ids_moved(w->ids, at, at + 1);
}

_Noreturn void init_main(struct box *b)
{
	struct err err = ERR_INIT;
	struct watch w = WATCH_INIT;
	bool shared = run_spec_shares_pids(b->spec);
	pid_t pid = -1;
	if (prepare_ids(b, &w, &err) == 0 && (!shared || own_proc(b, &w.proc, &err) == 0))
		pid = b->spec->as_pid1 && !shared ? start_as_pid1(b, &w, &err)
		                                  : start_beside_init(b, &w, &err);
	if (pid < 0) {
		(void)report_error(b->report, &err);
		_exit(FAILED);
	}
	init_receive_ids(b, &w);
	init_close_all_but(&w);
	reap(pid, &w);
}
