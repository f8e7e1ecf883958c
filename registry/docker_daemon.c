/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker-daemon: the images of a docker daemon of this machine. What it gives and takes is a
 * docker-archive; mica-remote talks to its socket, and the archive passes through a pipe.
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

/* New string. */
static int find_socket(char **ret, struct err *err)
{
	const char *host = getenv("DOCKER_HOST");
	if (!host || !*host) {
		*ret = xstrdup(USUAL_SOCKET);
		return 0;
	}
	if (!str_has_prefix(host, "unix:///")) {
		AUTO_FREE char *shown = url_shown(host, false);
		return err_set(err, ERR_UNSUPPORTED,
			"DOCKER_HOST is '%s': only sockets of this machine, unix:///PATH, are "
			"supported",
			shown);
	}
	*ret = xstrdup(host + strlen("unix://"));
	return 0;
}

bool docker_daemon_is_here(void)
{
	AUTO_FREE char *path = NULL;
	struct err ignored = ERR_INIT;
	struct stat st;
	return find_socket(&path, &ignored) == 0 && stat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	       access(path, W_OK) == 0;
}

/* op of message.h. name: of the image, or NULL. fd: closed here. */
static int ask(struct remote *r, const char *op, const char *name, int fd, int64_t *ret_id,
	struct err *err)
{
	AUTO_FD int pipe_end = fd;
	AUTO_FREE char *path = NULL;
	if (find_socket(&path, err) < 0)
		return err->code;
	struct json *j = json_new_object();
	json_set_string(j, "op", op);
	json_set_string(j, "name", name);
	json_set_string(j, "socket", path);
	return remote_request(r, j, pipe_end, false, ret_id, err);
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
	int r = tar_file_unpack_fd(t, in, SHOWN, &dir, err);
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
