/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mica-remote: the one program of mica that talks to the network and reads credentials. It is
 * started by mica with a socket as descriptor 3 (message.h), writes and reads only the descriptors
 * that come through it, and ends when the socket does. With a word it does one piece of work
 * (sealing.h, yaml.h, password.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/landlock.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/client.h"
#include "registry/credentials.h"
#include "registry/message.h"
#include "registry/operation.h"
#include "registry/password.h"
#include "registry/sealing.h"
#include "registry/yaml.h"

#define SOCKET_FD 3
#define STEP_MS 200 /* how often progress is told */
#define EXIT_TROUBLE 125

static void copy_string(char **to, const struct json *j, const char *key)
{
	const char *s = json_text(json_get(j, key));
	mem_replace(to, s ? xstrdup(s) : NULL);
}

/*
 * What a registry made of this process could do to files: read them. Nothing is written by name
 * here, and a program is only started where the configuration names credential helpers; those do
 * as they like with the user's files, so then there is no lock.
 */
static int lock_files(const struct client *c, struct err *err)
{
	AUTO_FD int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct credential_places places = client_credentials(c);
	if (credentials_name_helpers(&places))
		return 0;
	return top < 0 ? err_sys(err, "cannot open '/'")
	               : landlock_confine(top, LANDLOCK_READ, err);
}

static void send_note(const char *line)
{
	AUTO_JSON struct json *j = json_new_object();
	json_set_string(j, "note", line);
	message_offer(SOCKET_FD, j);
}

static void start_session(struct client *c, const struct json *j, struct err *ret_refused)
{
	int64_t retries = json_int(json_get(j, "retries"));
	copy_string(&c->opts.authfile, j, "authfile");
	copy_string(&c->opts.creds, j, "creds");
	copy_string(&c->opts.cert_dir, j, "cert_dir");
	/* as in buildah, the option says where both kinds of files are */
	copy_string(&c->opts.registries_d, j, "registries_conf_dir");
	c->opts.tls_verify = (int)json_int(json_get(j, "tls_verify"));
	c->opts.retries = retries < 0 ? 0 : retries > UINT32_MAX ? UINT32_MAX : (unsigned)retries;
	int64_t delay = json_int(json_get(j, "retry_delay_ms"));
	c->opts.retry_delay_ms = delay < 0 || delay > UINT32_MAX ? 0 : (unsigned)delay;
	int64_t stall = json_int(json_get(j, "stall_s"));
	if (stall > 0 && stall <= HTTP_STALL_MAX_S)
		http_set_stall(c->http, (unsigned)stall);
	c->opts.note = send_note;
	log_enable(json_bool(json_get(j, "debug")));
	if (registries_load(json_text(json_get(j, "registries_conf")),
		    json_text(json_get(j, "registries_conf_dir")), &c->registries,
		    ret_refused) < 0 ||
		lock_files(c, ret_refused) < 0)
		log_debug("%s", ret_refused->msg);
}

struct session {
	struct client client;
	struct operation *operations;
	bool started;
	struct err refused; /* why the session could not start: the answer to every request */
};

static void refuse(const struct json *request, const struct err *why)
{
	AUTO_JSON struct json *j = json_new_object();
	struct json *e = json_new_object();
	struct err err = ERR_INIT;
	json_set_int(j, "id", json_int(json_get(request, "id")));
	json_set_int(e, "code", why->code);
	json_set_string(e, "message", why->msg);
	json_set(j, "error", e);
	if (message_send(SOCKET_FD, j, -1, &err) < 0)
		log_debug("%s", err.msg);
}

static int hear(struct session *s, const struct json *j, int fd, struct err *err)
{
	const char *op = json_text(json_get(j, "op"));
	if (op && streq(op, "session") && !s->started) {
		s->started = true;
		start_session(&s->client, j, &s->refused);
		return 0;
	}
	if (!s->started || s->refused.code) {
		if (fd >= 0)
			close(fd);
		if (!s->started)
			return err_set(err, ERR_INVALID, "request before the session");
		refuse(j, &s->refused);
		return 0;
	}
	return operation_start(&s->client, &s->operations, SOCKET_FD, j, fd, err);
}

/* Until mica closes the socket. */
static int serve(struct session *s, struct err *err)
{
	for (;;) {
		bool readable = false;
		int r = http_step(s->client.http, SOCKET_FD, client_wake(&s->client, STEP_MS),
			&readable, err);
		if (r < 0)
			return r;
		operations_progress(s->operations);
		while (readable) {
			AUTO_JSON struct json *j = NULL;
			int fd = -1;
			r = message_recv(SOCKET_FD, &j, &fd, err);
			if (r == ERR_NOT_FOUND)
				return 0;
			if (r == 0)
				r = hear(s, j, fd, err);
			if (r < 0)
				return r;
			readable = r == 0;
		}
	}
}

/* Dies with mica; gains nothing by executing a credential helper; leaves no secrets in a core file
 * or to a debugger. */
static void keep_to_itself(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* of the terminal: mica decides when we end */
}

int main(int argc, char **argv)
{
	int type = 0;
	socklen_t n = sizeof(type);
	if (argc == 2) {
		keep_to_itself();
		return streq(argv[1], "yaml")       ? yaml_main()
		       : streq(argv[1], "password") ? password_main()
		                                    : sealing_main(argv[1]);
	}
	if (argc != 1 || getsockopt(SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
		type != SOCK_SEQPACKET) {
		fprintf(stderr, "mica-remote is started by mica and has no use of its own\n");
		return EXIT_TROUBLE;
	}
	keep_to_itself();
	fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC);
	fcntl(SOCKET_FD, F_SETFL, O_RDWR | O_NONBLOCK);
	auth_helper_watch(SOCKET_FD);
	struct session s = {0};
	struct err err = ERR_INIT;
	int r = client_init(&s.client, &err);
	if (r == 0)
		r = serve(&s, &err);
	operations_free(&s.operations);
	client_done(&s.client);
	if (r < 0)
		fprintf(stderr, "mica-remote: %s\n", err.msg);
	return r < 0 ? EXIT_TROUBLE : 0;
}
