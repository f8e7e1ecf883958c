/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ssh_source.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"
#include "build/tool_run.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_MAX (16 * KIB)
#define KEY_MAX (100 * KIB) /* BuildKit's */
#define START_SECONDS 10

static int set_raw(struct ssh_source *s, const char *value, struct err *err)
{
	if (!streq(value, "true") && !streq(value, "false"))
		return err_set(err, ERR_INVALID, "raw=%s is neither true nor false", value);
	s->raw = streq(value, "true");
	return 0;
}

static int add_path(struct ssh_source *s, const char *path, struct err *err)
{
	struct stat st;
	AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot find '%s'", path);
	if (s->socket >= 0 || (S_ISSOCK(st.st_mode) && s->keys.n))
		return err_set(err, ERR_INVALID,
			"the socket of an agent stands for itself, without keys or another one");
	if (S_ISSOCK(st.st_mode))
		s->socket = take_fd(&fd);
	else if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID,
			"'%s' is neither the socket of an agent nor a file with a key", path);
	else if (st.st_size > (off_t)KEY_MAX)
		return err_set(err, ERR_LIMIT, "'%s' is larger than %llu bytes: it is no key", path,
			KEY_MAX);
	else
		strv_add(&s->keys, path);
	return 0;
}

static int add_paths(struct ssh_source *s, const char *list, struct err *err)
{
	AUTO_STRV struct strv parts = STRV_INIT;
	strv_split(&parts, list, ',');
	STRV_FOREACH (part, &parts) {
		int rc = str_has_prefix(*part, "raw=") ? set_raw(s, *part + strlen("raw="), err)
		                                       : (**part ? add_path(s, *part, err) : 0);
		if (rc < 0)
			return rc;
	}
	if (s->socket >= 0 || s->keys.n)
		return 0;
	const char *agent = getenv("SSH_AUTH_SOCK");
	if (!agent || !*agent)
		return err_set(err, ERR_NOT_FOUND,
			"SSH_AUTH_SOCK is not set: start ssh-agent, or name its socket or a file "
			"with a key");
	return add_path(s, agent, err);
}

int ssh_source_parse(const char *text, struct ssh_source *ret, struct err *err)
{
	const char *eq = strchr(text, '=');
	struct ssh_source s = {.socket = -1};
	if (eq == text || !*text)
		return err_set(err, ERR_INVALID, "there is no name");
	int rc = add_paths(&s, eq ? eq + 1 : "", err);
	if (rc == 0 && s.raw && s.keys.n)
		rc = err_set(err, ERR_INVALID, "raw=true is for sockets, and not for keys");
	if (rc < 0) {
		ssh_source_done(&s);
		return rc;
	}
	s.id = eq ? xstrndup(text, (size_t)(eq - text)) : xstrdup(text);
	*ret = s;
	return 0;
}

/* It prints where it listens once it does. */
static int wait_for_agent(int out, struct err *err)
{
	struct pollfd p = {.fd = out, .events = POLLIN};
	char c;
	int n;
	do {
		n = poll(&p, 1, START_SECONDS * 1000);
	} while (n < 0 && errno == EINTR);
	if (n == 1 && read(out, &c, 1) == 1)
		return 0;
	return err_set(err, ERR_SYS, "ssh-agent does not start");
}

static int start_agent(struct ssh_source *s, int dir, struct err *err)
{
	static const char *const argv[] = {"ssh-agent", "-D", "-a", "/proc/self/fd/0/agent", NULL};
	AUTO_FREE char *program = proc_find(argv[0]);
	int fds[2];
	if (!program)
		return err_set(err, ERR_UNSUPPORTED,
			"keys need the program 'ssh-agent', which is not installed");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int out_r = fds[0], out_w = fds[1];
	/* Debian's is setgid, and the kernel would forget that such a one is to die with us */
	const struct proc_opts opts = {
		.in = dir, .out = out_w, .errfd = -1, .keep_fd = -1, .no_new_privs = true};
	if (proc_spawn(program, argv, &opts, &s->agent, err) < 0)
		return err->code;
	close(take_fd(&out_w));
	if (wait_for_agent(out_r, err) < 0)
		return err->code;
	s->socket = openat(dir, "agent", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return s->socket < 0 ? err_sys(err, "cannot find the socket of ssh-agent") : 0;
}

/* From its standard input, for which ssh-add does not ask that nobody else may read the file. */
static int add_key(int dir, const char *path, struct err *err)
{
	static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
		"HOME=/nonexistent", "SSH_AUTH_SOCK=/proc/self/fd/3/agent",
		"SSH_ASKPASS=/bin/false", "SSH_ASKPASS_REQUIRE=force"};
	AUTO_STRV struct strv argv = STRV_INIT, vars = STRV_INIT;
	AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX), errs = BUF_INIT(OUTPUT_MAX);
	AUTO_FD int key = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (key < 0)
		return err_sys(err, "cannot open '%s'", path);
	strv_add(&argv, "ssh-add");
	strv_add(&argv, "-q");
	strv_add(&argv, "-");
	for (size_t i = 0; i < ARRAY_LEN(env); i++)
		strv_add(&vars, env[i]);
	const struct tool add = {.name = "ssh-add",
		.argv = &argv,
		.env = &vars,
		.in = key,
		.dirfd = dir,
		.minutes = 1};
	int status;
	if (tool_run(&add, &out, &errs, &status, err) < 0)
		return err->code;
	if (status)
		return err_set(err, ERR_INVALID,
			"'%s' is not a private key, or has a passphrase: add it to an agent with "
			"ssh-add, and name the agent's socket",
			path);
	return 0;
}

int ssh_source_start(struct ssh_source *s, struct txn *t, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FD int dir = -1;
	if (s->socket >= 0)
		return 0;
	if (txn_mkdir(t, "ssh", &path, &dir, err) < 0 || start_agent(s, dir, err) < 0)
		return err->code;
	STRV_FOREACH (key, &s->keys)
		if (add_key(dir, *key, err) < 0)
			return err->code;
	return 0;
}

void ssh_source_done(struct ssh_source *s)
{
	if (s->agent > 0) {
		kill(s->agent, SIGKILL);
		(void)proc_wait(s->agent, NULL);
	}
	mem_close_p(&s->socket);
	strv_done(&s->keys);
	free(s->id);
	*s = (struct ssh_source){.socket = -1};
}
