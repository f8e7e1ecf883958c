/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "registry/credentials.h"

#define OUTPUT_MAX (64 * KIB)
#define INPUT_MAX 4096 /* one write that cannot block: PIPE_BUF */
#define TIMEOUT_MS 10000
#define NAME_MAX_LENGTH 64

static bool name_is_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return n > 0 && n <= NAME_MAX_LENGTH && !name[n] && name[0] != '-';
}

/* Helpers talk to keyrings and agents of the user's session. */
static void helper_environment(struct strv *env)
{
	static const char *const names[] = {"HOME", "USER", "LOGNAME", "DISPLAY", "WAYLAND_DISPLAY",
		"XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS",
		"GNUPGHOME", "PASSWORD_STORE_DIR", "GPG_TTY", "DOCKER_CONFIG", "HTTPS_PROXY",
		"https_proxy", "NO_PROXY", "no_proxy"};
	strv_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);
		if (value)
			strv_addf(env, "%s=%s", names[i], value);
	}
}

static int read_output(int fd, pid_t pid, const char *name, struct buf *out, struct err *err)
{
	uint64_t end = clock_ms() + TIMEOUT_MS;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_ms();
		int ready = now < end ? poll(&p, 1, (int)(end - now)) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		char chunk[4096];
		ssize_t n = ready > 0 ? read(fd, chunk, sizeof(chunk)) : -1;
		if (n == 0)
			return 0;
		if (n > 0) {
			buf_add(out, chunk, (size_t)n);
			explicit_bzero(chunk, sizeof(chunk));
		}
		if (n < 0 || out->toobig) {
			(void)kill(pid, SIGKILL);
			return out->toobig
			               ? err_set(err, ERR_LIMIT,
						 "docker-credential-%s printed more than %llu "
						 "bytes",
						 name, OUTPUT_MAX)
			               : err_set(err, ERR_AUTH,
						 "docker-credential-%s did not answer within %d s",
						 name, TIMEOUT_MS / 1000);
		}
	}
}

static int run(const char *file, const char *name, const char *verb, const char *input,
	struct buf *out, int *ret_status, struct err *err)
{
	int in[2] = {-1, -1}, output[2] = {-1, -1};
	if (pipe2(in, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int in_read = in[0], in_write = in[1];
	if (pipe2(output, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int out_read = output[0], out_write = output[1];
	AUTO_STRV struct strv env = STRV_INIT;
	helper_environment(&env);
	const char *argv[] = {file, verb, NULL};
	struct proc_opts opts = {.env = (const char *const *)strv_argv(&env),
		.in = in_read,
		.out = out_write,
		.errfd = -1,
		.keep_fd = -1};
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
	r = read_output(out_read, pid, name, out, err);
	int wstatus = 0;
	if (proc_wait(pid, &wstatus) < 0)
		return err_sys(err, "cannot wait for docker-credential-%s", name);
	*ret_status = proc_status(wstatus);
	return r;
}

int auth_helper_run(
	const char *name, const char *verb, const char *input, char **ret_output, struct err *err)
{
	if (!name_is_valid(name))
		return err_set(
			err, ERR_INVALID, "'%.64s' is not a name of a credential helper", name);
	if (strlen(input) > INPUT_MAX)
		return err_set(err, ERR_LIMIT, "input of docker-credential-%s is too long", name);
	AUTO_FREE char *program = xasprintf("docker-credential-%s", name);
	AUTO_FREE char *file = proc_find(program);
	if (!file)
		return err_set(err, ERR_AUTH,
			"credential helper '%s' is configured but not installed", program);
	AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX);
	int status = 0;
	int r = run(file, name, verb, input, &out, &status, err);
	if (r == 0 && status != 0) {
		/* The only text that the helpers' protocol defines; anything else may hold a secret
		 * and is not repeated. */
		if (strstr(buf_str(&out), "credentials not found in native keychain"))
			r = err_set(err, ERR_NOT_FOUND, "%s keeps no credentials for this registry",
				program);
		else
			r = err_set(err, ERR_AUTH,
				"credential helper '%s %s' failed with status %d", program, verb,
				status);
	}
	if (r == 0)
		*ret_output = xstrdup(buf_str(&out));
	if (out.data)
		explicit_bzero(out.data, out.len);
	return r;
}
