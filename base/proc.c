/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STAT_MAX (64 * KIB)
#define FDS_MAX (1UL << 20) /* as many can be closed one by one: 50 ms */

int proc_status(int wstatus)
{
	if (WIFSIGNALED(wstatus))
		return 128 + WTERMSIG(wstatus);
	return WEXITSTATUS(wstatus);
}

int proc_wait(pid_t pid, int *ret_wstatus)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	if (ret_wstatus)
		*ret_wstatus = status;
	return 0;
}

int proc_close_fds(unsigned first, unsigned last)
{
	struct rlimit r;
	if (close_range(first, last, 0) == 0)
		return 0;
	/* Linux 5.9 has it; filters of containers that are older than it answer with these */
	if ((errno != ENOSYS && errno != EPERM) || getrlimit(RLIMIT_NOFILE, &r) < 0)
		return -1;
	if (r.rlim_cur > FDS_MAX) {
		errno = ENOSYS;
		return -1;
	}
	for (unsigned fd = first; fd < r.rlim_cur && fd <= last; fd++)
		(void)close(fd < INT_MAX ? (int)fd : -1);
	return 0;
}

bool proc_ignores(int sig)
{
	struct sigaction now;
	return sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void proc_child_setup(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125); /* it died before we asked */
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	static const int reset[] = {SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGCHLD, SIGWINCH};
	for (size_t i = 0; i < ARRAY_LEN(reset); i++)
		sigaction(reset[i], &dfl, NULL);
	if (!proc_ignores(SIGHUP))
		sigaction(SIGHUP, &dfl, NULL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static const int ending[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};

/* While blocked an ignored signal waits too: nohup(1) would not help. */
void proc_hold(sigset_t *ret_before)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(ending); i++)
		if (!proc_ignores(ending[i]))
			sigaddset(&set, ending[i]);
	sigprocmask(SIG_BLOCK, &set, ret_before);
}

void proc_release(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}

int proc_interrupted(struct err *err)
{
	const struct timespec at_once = {0};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(ending); i++)
		sigaddset(&set, ending[i]);
	int sig = sigtimedwait(&set, NULL, &at_once);
	const char *name = sig > 0 ? sigabbrev_np(sig) : NULL;
	if (sig <= 0)
		return 0;
	(void)err_set(err, ERR_CANCELLED, "interrupted by SIG%s", name ? name : "?");
	err->sys = sig;
	return err->code;
}

static bool move_fd(int from, int to)
{
	if (from < 0) {
		from = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (from < 0)
			return false;
	}
	if (from == to)
		return fcntl(to, F_SETFD, 0) == 0;
	return dup2(from, to) == to;
}

static _Noreturn void exec_child(const char *file, const char *const argv[],
	const struct proc_opts *o, pid_t parent, int report)
{
	static const char *const plain_env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	int fds[4] = {o->in, o->out, o->errfd, o->keep_fd};
	unsigned n = o->keep_fd >= 0 ? 4 : 3;
	proc_child_setup(parent);
	(void)signal(SIGXFSZ, SIG_DFL);
	const struct rlimit most = {.rlim_cur = o->max_file, .rlim_max = o->max_file};
	bool ok = (!o->max_file || setrlimit(RLIMIT_FSIZE, &most) == 0) &&
	          (!o->no_new_privs || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) &&
	          (!o->own_session || setsid() >= 0);
	if (o->own_mounts && unshare(CLONE_NEWNS) == 0)
		(void)mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
	/* sources out of the way of the targets first */
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0 && fds[i] < 4 && fds[i] != (int)i)
			fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
	if (report < 10)
		report = fcntl(report, F_DUPFD_CLOEXEC, 10);
	for (unsigned i = 0; i < n; i++)
		ok = ok && move_fd(fds[i], (int)i);
	/* everything else was opened O_CLOEXEC; what a careless library opened is closed here */
	if (ok && report >= 0 && proc_close_fds(n, (unsigned)report - 1) == 0 &&
		proc_close_fds((unsigned)report + 1, ~0U) == 0) {
		const char *const *env = o->env ? o->env : plain_env;
		execve(file, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	}
	int saved = errno;
	if (write(report, &saved, sizeof(saved)) < 0)
		_exit(126);
	_exit(127);
}

int proc_spawn(const char *file, const char *const argv[], const struct proc_opts *o,
	pid_t *ret_pid, struct err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0)
		exec_child(file, argv, o, parent, fds[1]);
	int saved = errno;
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		errno = saved;
		return err_sys(err, "cannot fork");
	}
	ssize_t n = fs_read_upto(fds[0], &saved, sizeof(saved));
	close(fds[0]);
	if (n == (ssize_t)sizeof(saved)) {
		(void)proc_wait(pid, NULL);
		errno = saved;
		if (saved == ENOENT)
			return err_set(
				err, ERR_NOT_FOUND, "cannot run '%s': no such program", file);
		return err_sys(err, "cannot run '%s'", file);
	}
	*ret_pid = pid;
	return 0;
}

static bool try_again(void)
{
	return errno == EINTR || errno == EAGAIN;
}

/* What of the input fits into the pipe; false when there is no more to write. */
static bool feed(int fd, const char **input)
{
	size_t left = strlen(*input);
	ssize_t w = left ? write(fd, *input, left) : 0;
	if (w < 0)
		return try_again();
	*input += w;
	return (size_t)w < left;
}

/* What there is to read; false at its end and beyond max. */
static bool collect(int fd, size_t max, struct buf *out)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));
	if (n < 0)
		return try_again();
	buf_add(out, chunk, (size_t)n);
	return n > 0 && !out->toobig && out->len <= max;
}

static void feed_and_read(int in, const char *input, int outfd, size_t max, struct buf *out)
{
	if (in >= 0)
		(void)fcntl(in, F_SETFL, O_NONBLOCK);
	if (!input)
		input = "";
	for (;;) {
		struct pollfd p[2] = {
			{.fd = outfd, .events = POLLIN}, {.fd = in, .events = POLLOUT}};
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (in >= 0 && p[1].revents && !feed(in, &input))
			close(take_fd(&in));
		if (p[0].revents && !collect(outfd, max, out))
			break;
	}
	mem_close_p(&in);
}

int proc_run(const char *file, const char *const argv[], const char *input, size_t max_out,
	struct buf *out, int *ret_status, struct err *err)
{
	AUTO_FD int in_r = -1, in_w = -1, out_r = -1, out_w = -1;
	int fds[2];
	if (input) {
		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_sys(err, "cannot make a pipe");
		in_r = fds[0];
		in_w = fds[1];
	}
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	out_r = fds[0];
	out_w = fds[1];
	struct proc_opts o = {.in = in_r, .out = out_w, .errfd = STDERR_FILENO, .keep_fd = -1};
	pid_t pid;
	if (proc_spawn(file, argv, &o, &pid, err) < 0)
		return err->code;
	close(take_fd(&out_w));
	mem_close_p(&in_r);
	in_r = -1;
	/* a helper that does not read its input must not kill us */
	struct sigaction ign = {.sa_handler = SIG_IGN}, old;
	sigaction(SIGPIPE, &ign, &old);
	AUTO_BUF struct buf own = BUF_INIT(max_out + 1);
	feed_and_read(take_fd(&in_w), input, out_r, max_out, &own);
	sigaction(SIGPIPE, &old, NULL);
	bool toobig = own.toobig || own.len > max_out;
	if (toobig)
		kill(pid, SIGKILL);
	int wstatus = 0;
	if (proc_wait(pid, &wstatus) < 0)
		return err_sys(err, "cannot wait for '%s'", file);
	if (toobig)
		return err_set(err, ERR_LIMIT, "'%s' printed more than %zu bytes", file, max_out);
	if (out)
		buf_add(out, own.data, own.len);
	*ret_status = proc_status(wstatus);
	return 0;
}

pid_t proc_parent(int procfs, const char *pid)
{
	char path[64];
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	(void)snprintf(path, sizeof(path), "%.20s/stat", pid);
	if (fs_read_file(procfs, path, STAT_MAX, &text, &n, &ignored) < 0)
		return -1;
	/* proc_pid_stat(5): after the command's ')' come state and parent */
	const char *s = strrchr(text, ')');
	return s && strlen(s) > 4 ? (pid_t)strtol(s + 4, NULL, 10) : -1;
}

char *proc_find(const char *name)
{
	static const char *const dirs[] = {
		"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"};
	if (strchr(name, '/') || name[0] == '-' || !*name)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dirs[i], name);
		if (access(path, X_OK) == 0)
			return take(path);
	}
	return NULL;
}

/* pidfd_open(2), with PIDFD_THREAD for one that leads no process. */
static int open_process(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 && (errno == EINVAL || errno == ENOENT)
	               ? (int)syscall(SYS_pidfd_open, pid, O_EXCL)
	               : fd;
}

pid_t proc_number(int proc, pid_t pid)
{
	char path[64], text[512];
	AUTO_FD int fd = open_process(pid);
	if (fd < 0)
		return -1;
	/* the kernel says it as the /proc that is asked knows it */
	(void)snprintf(path, sizeof(path), "self/fdinfo/%d", fd);
	AUTO_FD int info = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (n < 0)
		return -1;
	text[n] = '\0';
	const char *line = strstr(text, "\nPid:");
	long number = line ? strtol(line + strlen("\nPid:"), NULL, 10) : 0;
	errno = ESRCH;
	return number > 0 ? (pid_t)number : -1;
}
