/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "registry/credentials.h"

#define OUTPUT_MAX (64 * KIB)
#define INPUT_MAX 4096 /* one write that cannot block: PIPE_BUF */
#define TIMEOUT_MS 10000
#define WAIT_STEP_MS 2
#define SIGNAL_STEP_MS 100 /* how soon an interrupt is seen */
#define NAME_MAX_LENGTH 64
#define REASON_MAX 300 /* bytes of what a helper says that are shown */

static int asker = -1; /* one a process: its helpers have no terminal and hear of no ^C */

void auth_helper_watch(int socket)
{
	asker = socket;
}

bool auth_helper_is_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return n > 0 && n <= NAME_MAX_LENGTH && !name[n] && name[0] != '-';
}

static int no_answer(const char *name, struct err *err)
{
	return err_set(err, ERR_AUTH, "docker-credential-%s did not answer within %d s", name,
		TIMEOUT_MS / 1000);
}

/* What there is; 0 at its end, negative when there is nothing. */
static ssize_t take_output(int fd, struct buf *to)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));
	if (n > 0)
		buf_add(to, chunk, (size_t)n);
	explicit_bzero(chunk, sizeof(chunk));
	return n;
}

/* complaints: what it prints besides is taken meanwhile, so that it can go on, and kept as far as
 * there is room. */
static int read_output(int fd, int errfd, pid_t pid, uint64_t end, const char *name,
	struct buf *out, struct buf *complaints, struct err *err)
{
	for (;;) {
		struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = errfd, .events = POLLIN},
			{.fd = asker}};
		bool late = clock_ms() >= end;
		int ready = late ? 0 : poll(p, ARRAY_LEN(p), SIGNAL_STEP_MS);
		if (proc_interrupted(err) < 0) {
			(void)kill(-pid, SIGKILL);
			return err->code;
		}
		if ((ready < 0 && errno == EINTR) || (ready == 0 && !late))
			continue;
		if (ready > 0 && p[2].revents)
			ready = 0;
		if (ready > 0 && p[1].revents && take_output(errfd, complaints) <= 0)
			errfd = -1;
		if (ready > 0 && !p[0].revents)
			continue;
		ssize_t n = ready > 0 ? take_output(fd, out) : -1;
		if (n == 0)
			return 0;
		if (n < 0 || out->toobig) {
			(void)kill(-pid, SIGKILL);
			return out->toobig ? err_set(err, ERR_LIMIT,
						     "docker-credential-%s printed more than %llu "
						     "bytes",
						     name, OUTPUT_MAX)
			                   : no_answer(name, err);
		}
	}
}

/* It may have closed its output and go on: not for longer than it may take to answer. What it
 * started ends with it, and before it is reaped: until then its number is nobody else's. */
static int end_in_time(pid_t pid, uint64_t end, const char *name, int *ret_wstatus, struct err *err)
{
	siginfo_t info = {0};
	const int how = WEXITED | WNOHANG | WNOWAIT;
	struct pollfd p = {.fd = asker};
	while (waitid(P_PID, (id_t)pid, &info, how) == 0 && info.si_pid == 0 && clock_ms() < end &&
		proc_interrupted(err) == 0 && poll(&p, 1, WAIT_STEP_MS) <= 0)
		;
	(void)kill(-pid, SIGKILL);
	if (proc_wait(pid, ret_wstatus) < 0)
		return err_sys(err, "cannot wait for docker-credential-%s", name);
	if (err->code)
		return err->code;
	return info.si_pid == pid ? 0 : no_answer(name, err);
}

static int run(const char *file, const char *name, const char *verb, const char *input,
	struct buf *out, struct buf *complaints, int *ret_status, struct err *err)
{
	int in[2] = {-1, -1}, output[2] = {-1, -1}, errors[2] = {-1, -1};
	if (pipe2(in, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int in_read = in[0], in_write = in[1];
	if (pipe2(output, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int out_read = output[0], out_write = output[1];
	if (pipe2(errors, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int err_read = errors[0], err_write = errors[1];
	const char *argv[] = {file, verb, NULL};
	struct proc_opts opts = {.env = (const char *const *)environ,
		.in = in_read,
		.out = out_write,
		.errfd = err_write,
		.keep_fd = -1,
		.own_session = true};
	pid_t pid;
	/* Written before it starts: it fits into the pipe, and a helper that does not read cannot
	 * block us. */
	if (fs_write_all(in_write, input, strlen(input)) < 0)
		return err_sys(err, "cannot write to a pipe");
	int r = proc_spawn(file, argv, &opts, &pid, err);
	if (r < 0)
		return r;
	close(take_fd(&in_write));
	close(take_fd(&out_write));
	close(take_fd(&err_write));
	uint64_t end = clock_ms() + TIMEOUT_MS;
	struct err late = ERR_INIT;
	int wstatus = 0;
	r = read_output(out_read, err_read, pid, end, name, out, complaints, err);
	int ended = end_in_time(pid, end, name, &wstatus, &late);
	/* one of its children that has a session of its own may hold the pipe open */
	if (fcntl(err_read, F_SETFL, O_NONBLOCK) == 0)
		while (!complaints->toobig && take_output(err_read, complaints) > 0)
			;
	if (r == 0 && ended < 0)
		*err = late;
	*ret_status = proc_status(wstatus);
	return r < 0 ? r : ended;
}

/* Who may change it is root or we. gid 0 is root's group, or in a user namespace our own. */
static bool mode_is_safe(const struct stat *st)
{
	bool ours = st->st_gid == 0 || st->st_gid == getegid();
	return !(st->st_mode & S_IWOTH) && (ours || !(st->st_mode & S_IWGRP));
}

/* In a user namespace the machine's root may have no number, and be seen as nobody: as the owner of
 * /proc/sys is, who is always root. */
static bool owner_is_safe(uid_t owner)
{
	struct stat of_root;
	return owner == 0 || owner == geteuid() ||
	       (stat("/proc/sys", &of_root) == 0 && owner == of_root.st_uid);
}

static int check_safe(const char *path, const char *program, struct err *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return err_sys(err, "cannot look at '%s'", path);
	if (!owner_is_safe(st.st_uid))
		return err_set(err, ERR_AUTH,
			"credential helper '%s' is not run: '%s' belongs to user %u, neither "
			"to root nor to you (chown it, or take its directory out of PATH)",
			program, path, st.st_uid);
	if (!mode_is_safe(&st))
		return err_set(err, ERR_AUTH,
			"credential helper '%s' is not run: others can write to '%s', mode "
			"%04o, group %u (chmod go-w it, or take its directory out of PATH)",
			program, path, st.st_mode & 07777, st.st_gid);
	return 0;
}

/* In the system's directories, which are the administrator's, then in those of PATH that are
 * absolute: helpers of cloud providers live in places of their own. *ret_file: new string. */
static int find_program(const char *program, char **ret_file, struct err *err)
{
	AUTO_FREE char *file = proc_find(program);
	AUTO_STRV struct strv dirs = STRV_INIT;
	const char *path = getenv("PATH");
	if (!file && path)
		strv_split(&dirs, path, ':');
	STRV_FOREACH (dir, &dirs) {
		AUTO_FREE char *at = **dir == '/' ? path_join(*dir, program) : NULL;
		if (!at || access(at, X_OK) < 0)
			continue;
		if (check_safe(*dir, program, err) < 0)
			return err->code;
		file = take(at);
		break;
	}
	if (!file)
		return err_set(err, ERR_AUTH,
			"credential helper '%s' is configured but not installed", program);
	if (check_safe(file, program, err) < 0)
		return err->code;
	*ret_file = take(file);
	return 0;
}

/* The end of the text as one line that cannot move a cursor; NULL: nothing is said, or what may be
 * secret. New string. */
static char *reason_of(const struct buf *said)
{
	AUTO_BUF struct buf line = BUF_INIT(OUTPUT_MAX + 1);
	const char *text = said->len ? buf_str(said) : "";
	if (strcasestr(text, "\"secret\"") || strchr(text, '{'))
		return NULL;
	for (const char *p = text; *p; p++) {
		bool blank = (unsigned char)*p <= ' ' || *p == 0x7f;
		if (!blank)
			buf_addch(&line, *p);
		else if (line.len && p[1] && buf_str(&line)[line.len - 1] != ' ')
			buf_addch(&line, ' ');
	}
	if (!line.len || line.toobig)
		return NULL;
	const char *end = buf_str(&line);
	if (line.len <= REASON_MAX)
		return xstrdup(end);
	for (end += line.len - REASON_MAX; (*end & 0xc0) == 0x80; end++) /* not into a character */
		;
	return xasprintf("... %s", end);
}

/* The protocol has the reason on standard output; many say it on the other one. */
static int failed(const char *program, const char *verb, int status, const struct buf *out,
	const struct buf *complaints, struct err *err)
{
	AUTO_FREE char *reason = reason_of(out);
	if (!reason)
		reason = reason_of(complaints);
	return err_set(err, ERR_AUTH, "credential helper '%s %s' failed with status %d%s%s",
		program, verb, status, reason ? ": " : "", reason ? reason : "");
}

int auth_helper_run(
	const char *name, const char *verb, const char *input, char **ret_output, struct err *err)
{
	if (!auth_helper_is_name(name))
		return err_set(
			err, ERR_INVALID, "'%.64s' is not a name of a credential helper", name);
	if (strlen(input) > INPUT_MAX)
		return err_set(err, ERR_LIMIT, "input of docker-credential-%s is too long", name);
	AUTO_FREE char *program = xasprintf("docker-credential-%s", name);
	AUTO_FREE char *file = NULL;
	if (find_program(program, &file, err) < 0)
		return err->code;
	AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX), complaints = BUF_INIT(OUTPUT_MAX);
	AUTO_HELD sigset_t before; /* it would go on alone */
	int status = 0;
	proc_hold(&before);
	int r = run(file, name, verb, input, &out, &complaints, &status, err);
	if (r == 0 && status != 0) {
		/* the only text that the helpers' protocol defines */
		if (strstr(buf_str(&out), "credentials not found in native keychain"))
			r = err_set(err, ERR_NOT_FOUND, "%s keeps no credentials for this registry",
				program);
		else
			r = failed(program, verb, status, &out, &complaints, err);
	}
	if (r == 0)
		*ret_output = xstrdup(buf_str(&out));
	if (out.data)
		explicit_bzero(out.data, out.len);
	return r;
}
