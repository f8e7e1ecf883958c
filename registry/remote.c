/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/progress.h"
#include "base/strv.h"
#include "registry/config.h"
#include "registry/credentials.h"
#include "registry/message.h"
#include "registry/offline.h"
#include "registry/transport.h"
#include "registry/url.h"

#define IN_FLIGHT_MAX 256
#define WAIT_STEP_MS 100 /* how soon an interrupt is seen */

struct request {
	int64_t id; /* 0: free */
	uint64_t progress;
	struct json *reply;
};

struct remote {
	int sock;
	pid_t pid;
	int64_t last_id;
	struct progress *progress; /* of notes */
	struct remote_keep *keep; /* or NULL */
	char *session; /* what it was told to begin with */
	bool broken; /* what it does is not known: nobody else can use it */
	struct request requests[IN_FLIGHT_MAX];
};

/* What it needs to find configuration, credentials, proxies and certificates; nothing else of ours
 * is its business. */
static const char *const passed_on[] = {"HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR",
	"XDG_CONFIG_HOME", "XDG_DATA_HOME", "MICA_UID", "REGISTRY_AUTH_FILE",
	"CONTAINERS_REGISTRIES_CONF", "BUILD_REGISTRY_SOURCES", "DOCKER_CONFIG", "SSL_CERT_FILE",
	"SSL_CERT_DIR", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
	"no_proxy", "NO_PROXY"};

static void clean_environment(struct strv *env, bool helpers)
{
	/* libcurl does not read it, as a web server's CGI programs get it from their clients; where
	 * this is none it is meant */
	const char *proxy = getenv("HTTP_PROXY");
	if (proxy && !getenv("http_proxy") && !getenv("REQUEST_METHOD"))
		strv_addf(env, "http_proxy=%s", proxy);
	/* Credential helpers of cloud providers find accounts, regions and services by variables of
	 * their own. */
	for (char **e = environ; helpers && *e; e++)
		strv_add(env, *e);
	if (helpers)
		return;
	strv_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; i < ARRAY_LEN(passed_on); i++) {
		const char *value = getenv(passed_on[i]);
		if (value)
			strv_addf(env, "%s=%s", passed_on[i], value);
	}
}

/* Beside the running program as installed, in the build tree, or where the build was told to
 * install it. */
char *remote_program(void)
{
	static const char *const beside[] = {"../libexec/mica/mica-remote", "mica-remote",
		"../registry/mica-remote", "../../registry/mica-remote"};
	const char *env = getenv("MICA_REMOTE");
	char self[PATH_MAX];
	if (env && *env == '/')
		return xstrdup(env);
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		AUTO_FREE char *dir = path_dir(self);
		for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
			AUTO_FREE char *path = path_join(dir, beside[i]);
			if (access(path, X_OK) == 0)
				return take(path);
		}
	}
	return xstrdup(MICA_LIBEXECDIR "/mica/mica-remote");
}

/* What is wrong with the configuration is the answer to every request. */
static bool asks_helpers(const struct remote_opts *o)
{
	AUTO_REGISTRIES struct registries conf = {0};
	struct err ignored = ERR_INIT;
	int r = registries_load(o->registries_conf, o->registries_conf_dir, &conf, &ignored);
	const struct credential_places places = {.authfile = o->authfile, .helpers = &conf.helpers};
	return r == 0 && credentials_name_helpers(&places);
}

static int start_program(struct remote *r, const struct remote_opts *o, struct err *err)
{
	int sv[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_sys(err, "cannot make a socket pair");
	r->sock = sv[0];
	AUTO_FD int theirs = sv[1];
	AUTO_FREE char *file = remote_program();
	AUTO_STRV struct strv env = STRV_INIT;
	clean_environment(&env, asks_helpers(o));
	const char *argv[] = {"mica-remote", NULL};
	struct proc_opts opts = {.env = (const char *const *)strv_argv(&env),
		.in = -1,
		.out = -1,
		.errfd = STDERR_FILENO,
		.keep_fd = theirs};
	if (access(file, X_OK) < 0)
		return err_set(err, ERR_NOT_FOUND,
			"cannot use registries: '%s' is not there (the installation is not "
			"complete)",
			file);
	return proc_spawn(file, argv, &opts, &r->pid, err);
}

static struct json *session_of(const struct remote_opts *o)
{
	struct json *j = json_new_object();
	json_set_string(j, "op", "session");
	json_set_string(j, "authfile", o->authfile);
	json_set_string(j, "creds", o->creds);
	json_set_string(j, "cert_dir", o->cert_dir);
	json_set_int(j, "tls_verify", o->tls_verify);
	json_set_string(j, "registries_conf", o->registries_conf);
	json_set_string(j, "registries_conf_dir", o->registries_conf_dir);
	json_set_int(j, "retries", o->retries);
	json_set_int(j, "retry_delay_ms", o->retry_delay_ms);
	json_set_int(j, "stall_s", o->stall_s);
	json_set(j, "debug", json_new_bool(log_enabled()));
	return j;
}

/* A reference, a registry or an address. A daemon's socket is no network. */
static int check_offline(const struct json *j, struct err *err)
{
	static const char *const keys[] = {"ref", "url", "registry"};
	const char *what = NULL;
	if (json_get(j, "socket"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(keys) && !what; i++)
		what = json_text(json_get(j, keys[i]));
	AUTO_FREE char *shown =
		what && strstr(what, "://") ? url_shown(what, false) : xstrdup(what ? what : "");
	return offline_check(shown, err);
}

static void end(struct remote *r)
{
	if (r->sock >= 0)
		close(r->sock);
	if (r->pid > 0)
		(void)proc_wait(r->pid, NULL);
	for (size_t i = 0; i < IN_FLIGHT_MAX; i++)
		json_free(r->requests[i].reply);
	explicit_bzero(r->session, strlen(r->session)); /* --creds is in it */
	free(r->session);
	free(r);
}

void remote_keep_end(struct remote_keep *k)
{
	if (k->idle)
		end(k->idle);
	k->idle = NULL;
}

/* The one that waits, if it was told the same and lives; NULL: none. */
static struct remote *take_kept(struct remote_keep *k, const char *session)
{
	if (!k || !k->idle)
		return NULL;
	struct pollfd p = {.fd = k->idle->sock};
	if (!streq(k->idle->session, session) || poll(&p, 1, 0) != 0)
		remote_keep_end(k);
	return take(k->idle);
}

int remote_open(const struct remote_opts *o, struct remote **ret, struct err *err)
{
	if (o->authfile && credentials_check_file(o->authfile, err) < 0)
		return err->code;
	AUTO_JSON struct json *session = session_of(o);
	char *text = json_dump(session, 0);
	struct remote *r = take_kept(o->keep, text);
	if (r) {
		explicit_bzero(text, strlen(text));
		free(text);
		*ret = r;
		return 0;
	}
	r = xcalloc(1, sizeof(*r));
	*r = (struct remote){.sock = -1, .keep = o->keep, .session = text};
	if (start_program(r, o, err) < 0 || message_send(r->sock, session, -1, err) < 0) {
		end(r);
		return err->code;
	}
	*ret = r;
	return 0;
}

void remote_close(struct remote *r)
{
	if (!r)
		return;
	bool busy = r->broken;
	for (size_t i = 0; i < IN_FLIGHT_MAX; i++)
		busy = busy || r->requests[i].id;
	if (busy || !r->keep || r->keep->idle) {
		end(r);
		return;
	}
	r->progress = NULL;
	r->keep->idle = r;
}

void remote_notes(struct remote *r, struct progress *progress)
{
	r->progress = progress;
}

int remote_fd(const struct remote *r)
{
	return r->sock;
}

static struct request *find_request(const struct remote *r, int64_t id)
{
	for (size_t i = 0; i < IN_FLIGHT_MAX; i++)
		if (r->requests[i].id == id)
			return (struct request *)(uintptr_t)&r->requests[i];
	return NULL;
}

int remote_request(
	struct remote *r, struct json *j, int fd, bool close_fd, int64_t *ret_id, struct err *err)
{
	AUTO_JSON struct json *message = j;
	struct request *slot = find_request(r, 0);
	int rc = check_offline(message, err);
	if (rc == 0 && !slot)
		rc = err_set(err, ERR_LIMIT, "more than %d requests at a time", IN_FLIGHT_MAX);
	if (rc == 0) {
		*slot = (struct request){.id = ++r->last_id};
		json_set_int(message, "id", slot->id);
		rc = message_send(r->sock, message, fd, err);
		if (rc < 0)
			slot->id = 0;
		else
			*ret_id = slot->id;
	}
	if (close_fd && fd >= 0)
		close(fd);
	return rc;
}

/* Until there is something to hear, or we are to end. */
static int wait_for_message(struct remote *r, struct err *err)
{
	struct pollfd p = {.fd = r->sock, .events = POLLIN};
	while (poll(&p, 1, WAIT_STEP_MS) <= 0)
		if (proc_interrupted(err) < 0)
			return err->code;
	return 0;
}

/* Takes one message from the socket: a reply is kept until somebody asks for it. */
static int hear(struct remote *r, int flags, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	int fd = -1;
	if (flags) {
		char byte;
		ssize_t n = recv(r->sock, &byte, 1, MSG_PEEK | flags);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 1;
	}
	int rc = message_recv(r->sock, &j, &fd, err);
	if (rc != 0)
		return rc < 0 ? err_set(err, ERR_NETWORK, "%s",
					rc == ERR_NOT_FOUND ? "mica-remote ended unexpectedly"
							    : "cannot talk to mica-remote")
		              : rc;
	if (fd >= 0)
		close(fd);
	const char *note = json_text(json_get(j, "note"));
	if (note)
		progress_note(r->progress, note);
	int64_t id = json_int(json_get(j, "id"));
	struct request *q = id > 0 ? find_request(r, id) : NULL;
	if (!q)
		return 0;
	if (json_get(j, "progress"))
		q->progress = (uint64_t)json_int(json_get(j, "progress"));
	else if (!q->reply)
		q->reply = take(j);
	return 0;
}

void remote_listen(struct remote *r)
{
	struct err err = ERR_INIT;
	while (hear(r, MSG_DONTWAIT, &err) == 0)
		;
	if (err.code) /* whoever waits for a reply is told */
		log_debug("%s", err.msg);
}

static int reply_error(const struct json *e, struct err *err)
{
	int64_t code = json_int(json_get(e, "code"));
	const char *message = json_text(json_get(e, "message"));
	if (code > ERR_SYS || code < ERR_CANCELLED)
		code = ERR_NETWORK;
	/* mica-remote does not know how we were called */
	bool refused = called_buildah() && message &&
	               str_has_prefix(message, "the credentials of '--creds' are refused");
	return err_set(err, (int)code, "%s%s",
		refused ? "unauthorized: authentication required: " : "",
		message ? message : "request failed");
}

int remote_reply(struct remote *r, int64_t id, bool wait, struct json **ret, struct err *err)
{
	struct request *q = find_request(r, id);
	if (!q)
		return err_set(err, ERR_INVALID, "no such request");
	while (!q->reply) {
		int rc = wait ? wait_for_message(r, err) : 0;
		if (rc == 0)
			rc = hear(r, wait ? 0 : MSG_DONTWAIT, err);
		if (rc < 0) {
			q->id = 0;
			r->broken = true;
			return rc;
		}
		if (rc == 1)
			return 1;
	}
	AUTO_JSON struct json *reply = take(q->reply);
	q->id = 0;
	const struct json *e = json_get(reply, "error");
	if (e)
		return reply_error(e, err);
	if (ret)
		*ret = take(reply);
	return 0;
}

uint64_t remote_progress(const struct remote *r, int64_t id)
{
	const struct request *q = find_request(r, id);
	return q ? q->progress : 0;
}

int remote_call(struct remote *r, struct json *j, int fd, struct json **ret, struct err *err)
{
	int64_t id = 0;
	int rc = remote_request(r, j, fd, false, &id, err);
	return rc < 0 ? rc : remote_reply(r, id, true, ret, err);
}
