/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker-daemon: the images of a docker daemon. What it gives and takes is a docker-archive;
 * mica-remote talks to it, and the archive passes through a pipe. Where it is, the variables of
 * docker's own command line say.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/remote.h"
#include "registry/sink.h"
#include "registry/transport.h"
#include "registry/url.h"

#define USUAL_SOCKET "/var/run/docker.sock"
#define SHOWN "docker-daemon"
#define PORT_PLAIN 2375
#define PORT_TLS 2376

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

/* "tcp://HOST[:PORT]" as a URL, new string. */
static int server_url(const char *host, bool tls, char **ret, struct err *err)
{
	AUTO_URL struct url url = {0};
	AUTO_FREE char *text = xasprintf("http%s://%s", tls ? "s" : "", host + strlen("tcp://"));
	AUTO_FREE char *shown = url_shown(host, false);
	if (url_parse(text, &url, err) < 0)
		return err_wrap(err, "DOCKER_HOST is '%s'", shown);
	if (!streq(url.target, "/"))
		return err_set(err, ERR_INVALID,
			"DOCKER_HOST is '%s': a path below the daemon's address is not supported",
			shown);
	bool ipv6 = strchr(url.host, ':') != NULL;
	const char *bracket = strrchr(text, ']'),
		   *after = bracket ? bracket : strstr(text, "://") + 1;
	bool has_port = strchr(after, ':') != NULL;
	*ret = xasprintf("http%s://%s%s%s:%u", tls ? "s" : "", ipv6 ? "[" : "", url.host,
		ipv6 ? "]" : "",
		has_port ? url.port
		: tls    ? PORT_TLS
			 : PORT_PLAIN);
	return 0;
}

/* Where keys are: DOCKER_CERT_PATH, or beside docker's config.json. New string or NULL. */
static char *certificate_dir(void)
{
	const char *dir = variable("DOCKER_CERT_PATH"), *home = variable("HOME");
	if (!dir)
		dir = variable("DOCKER_CONFIG");
	return dir ? xstrdup(dir) : home ? xasprintf("%s/.docker", home) : NULL;
}

/* Into the request: "socket", or "url" and what goes with it. */
static int set_daemon(struct json *j, struct err *err)
{
	const char *host = variable("DOCKER_HOST");
	bool verify = variable("DOCKER_TLS_VERIFY") != NULL;
	bool tls = verify || variable("DOCKER_TLS");
	if (!host || str_has_prefix(host, "unix:///")) {
		json_set_string(j, "socket", host ? host + strlen("unix://") : USUAL_SOCKET);
		return 0;
	}
	if (!str_has_prefix(host, "tcp://")) {
		AUTO_FREE char *shown = url_shown(host, false);
		return err_set(err, ERR_UNSUPPORTED,
			"DOCKER_HOST is '%s': unix:///PATH and tcp://HOST:PORT are supported",
			shown);
	}
	AUTO_FREE char *url = NULL, *certs = tls ? certificate_dir() : NULL;
	int r = server_url(host, tls, &url, err);
	json_set_string(j, "url", url);
	json_set_string(j, "certs", certs);
	json_set(j, "verify", json_new_bool(verify));
	return r;
}

bool docker_daemon_is_here(void)
{
	AUTO_JSON struct json *j = json_new_object();
	struct err ignored = ERR_INIT;
	struct stat st;
	if (set_daemon(j, &ignored) < 0)
		return false;
	const char *path = json_text(json_get(j, "socket"));
	return !path || (stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && access(path, W_OK) == 0);
}

/* op of message.h. name: of the image, or NULL. fd: closed here. */
static int ask(struct remote *r, const char *op, const char *name, int fd, int64_t *ret_id,
	struct err *err)
{
	AUTO_FD int pipe_end = fd;
	AUTO_JSON struct json *j = json_new_object();
	json_set_string(j, "op", op);
	json_set_string(j, "name", name);
	if (set_daemon(j, err) < 0)
		return err->code;
	return remote_request(r, take(j), pipe_end, false, ret_id, err);
}

/* --- source --- */

/* ID: as it is, and *ret_ref is empty. */
static int parse_name(const char *rest, struct reference *ret_ref, char **ret_name, struct err *err)
{
	struct digest id;
	struct err ignored = ERR_INIT;
	if (digest_parse(rest, &id, &ignored) == 0) {
		*ret_name = xstrdup(rest);
		return 0;
	}
	if (reference_parse(rest, ret_ref, err) < 0)
		return err->code;
	reference_default_tag(ret_ref);
	*ret_name = reference_str(ret_ref);
	return 0;
}

/* The archive is a directory of the transaction before anything of it is looked at: what it holds
 * is told at its end. */
static int fetch_archive(
	struct txn *t, struct remote *remote, const char *name, int *ret_dir, struct err *err)
{
	int p[2];
	int64_t id = 0;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	AUTO_FD int in = p[0], dir = -1;
	if (ask(remote, "daemon_save", name, p[1], &id, err) < 0)
		return err->code;
	int r = tar_file_unpack_fd(t, in, SHOWN, 0, &dir, err);
	close(take_fd(&in));
	/* Without an image there is an archive that is none; what ended it early is said there, but
	 * for the pipe that nobody read on. */
	struct err said = ERR_INIT;
	int answer = remote_reply(remote, id, true, NULL, &said);
	if (answer < 0 && (r == 0 || answer != ERR_SYS)) {
		*err = said;
		r = answer;
	}
	if (r == 0)
		*ret_dir = take_fd(&dir);
	return r;
}

int source_docker_daemon(struct txn *t, const char *rest, const struct remote_opts *o,
	struct source **ret, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_REMOTE struct remote *remote = NULL;
	AUTO_FREE char *name = NULL;
	int dir = -1;
	if (parse_name(rest, &ref, &name, err) < 0 || remote_open(o, &remote, err) < 0 ||
		fetch_archive(t, remote, name, &dir, err) < 0)
		return err->code;
	*ret = source_docker_unpacked(dir, SHOWN, ref.tag ? name : NULL);
	return 0;
}

/* --- sink --- */

struct daemon_sink {
	struct sink sink;
	struct sink *archive; /* writes into the pipe */
	struct remote *remote;
	int64_t id;
	int fd; /* of the pipe; -1 at the end of the archive */
};

/* When nobody reads the pipe any more, the reply says why. */
static int explain(const struct daemon_sink *s, int r, struct err *err)
{
	struct err said = ERR_INIT;
	if (r < 0 && err_is_sys(err, EPIPE) &&
		remote_reply(s->remote, s->id, true, NULL, &said) < 0) {
		*err = said;
		return err->code;
	}
	return r;
}

static int sink_blob(
	struct sink *k, const struct descriptor *d, int fd, int64_t *ret_id, struct err *err)
{
	const struct daemon_sink *s = (struct daemon_sink *)k;
	return explain(s, s->archive->ops->blob(s->archive, d, fd, ret_id, err), err);
}

static int sink_manifest(struct sink *k, const struct document *doc, bool top, struct err *err)
{
	const struct daemon_sink *s = (struct daemon_sink *)k;
	return explain(s, s->archive->ops->manifest(s->archive, doc, top, err), err);
}

static int sink_finish(struct sink *k, struct err *err)
{
	struct daemon_sink *s = (struct daemon_sink *)k;
	int r = explain(s, s->archive->ops->finish(s->archive, err), err);
	if (r < 0)
		return r;
	close(take_fd(&s->fd));
	return remote_reply(s->remote, s->id, true, NULL, err);
}

static void daemon_sink_free(struct sink *k)
{
	struct daemon_sink *s = (struct daemon_sink *)k;
	/* first: an archive that was given up must not look like one that ends */
	remote_close(s->remote);
	sink_free(s->archive);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

static const struct sink_ops sink_ops = {
	sink_blob, NULL, sink_manifest, sink_finish, daemon_sink_free, NULL, NULL, NULL, NULL};

int sink_docker_daemon(
	const struct strv *names, const struct remote_opts *o, struct sink **ret, struct err *err)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	struct daemon_sink *s = xcalloc(1, sizeof(*s));
	*s = (struct daemon_sink){.sink = {.ops = &sink_ops}, .fd = p[1]};
	AUTO_FD int in = p[0];
	if (remote_open(o, &s->remote, err) < 0 ||
		ask(s->remote, "daemon_load", NULL, take_fd(&in), &s->id, err) < 0) {
		daemon_sink_free(&s->sink);
		return err->code;
	}
	s->archive = sink_docker_archive_fd(s->fd, SHOWN, names);
	*ret = &s->sink;
	return 0;
}
