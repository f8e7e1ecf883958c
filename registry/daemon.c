/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images from and to a docker daemon, by the Docker Engine API over its unix socket, or over TCP
 * with TLS or without: "GET /images/NAME/get" gives a docker-archive, "POST /images/load" takes
 * one. Both are streams that cannot begin anew, so nothing is tried again. Nobody's credentials are
 * for it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/json.h"
#include "base/mem.h"
#include "registry/operation_internal.h"

#define LOADED_MAX (1 * MIB) /* of what it says about a load, a JSON document a line */

int daemon_parse(struct operation *op, const struct json *request, struct err *err)
{
	const char *name = NULL, *socket = NULL, *server = NULL, *certs = NULL;
	bool verify = false;
	if (json_get_string(request, "request", "name", &name, err) < 0 ||
		json_get_string(request, "request", "socket", &socket, err) < 0 ||
		json_get_string(request, "request", "url", &server, err) < 0 ||
		json_get_string(request, "request", "certs", &certs, err) < 0 ||
		json_get_bool(request, "request", "verify", &verify, err) < 0)
		return err->code;
	if (!socket == !server || op->fd < 0)
		return err_set(err, ERR_INVALID, "request to a daemon without a place or a pipe");
	if (socket && strlen(socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return err_set(err, ERR_LIMIT, "path of a socket is too long: '%s'", socket);
	if (certs && certificates_of_docker(certs, &op->origin.certificates, err) < 0)
		return err->code;
	op->origin.tls = (struct http_tls){.insecure = !verify,
		.ca_pem = op->origin.certificates.ca_pem,
		.cert_file = op->origin.certificates.cert_file,
		.key_file = op->origin.certificates.key_file};
	op->socket = socket ? xstrdup(socket) : NULL;
	op->server = server ? xstrdup(server) : NULL;
	op->url = name ? xasprintf("/images/%s/get", name) : xstrdup("/images/load?quiet=1");
	return 0;
}

static void prepare(struct operation *op, enum http_method method)
{
	/* of a socket it is the Host header; nothing resolves it */
	const char *host = op->server ? strstr(op->server, "://") : NULL;
	op->origin.name = xstrdup(host ? host + strlen("://") : "docker");
	op->origin.auth_name = op->origin.name;
	op->origin.plain = !op->server || str_has_prefix(op->server, "http://");
	op->origin.scheme_known = true;
	op->x.client = op->client;
	op->x.host = &op->origin;
	op->x.auth = AUTH_NONE;
	op->x.once = true;
	op->x.url = xstrdup(op->url);
	op->x.arg = op;
	op->x.http.method = method;
	op->x.http.unix_socket = op->socket;
	op->x.http.unhurried = true;
	op->x.http.in_fd = op->x.http.out_fd = -1;
	op->x.http.bulk = true;
}

static int check_answer(const struct operation *op, const struct err *failure, struct err *err)
{
	int status = op->x.http.response.status;
	if (failure) {
		*err = *failure;
		return err->code;
	}
	if (status / 100 == 2)
		return 0;
	AUTO_FREE char *said = exchange_said(&op->x.http.body);
	if (said)
		return err_set(
			err, status == 404 ? ERR_NOT_FOUND : ERR_DENIED, "docker says: %s", said);
	return err_set(err, status == 404 ? ERR_NOT_FOUND : ERR_DENIED,
		"docker answered with status %d", status);
}

static void end(struct operation *op, int r, const struct err *err)
{
	if (r < 0) {
		operation_fail(op, err);
		return;
	}
	AUTO_JSON struct json *j = operation_reply(op);
	operation_succeed(op, j);
}

static void got_archive(struct exchange *x, const struct err *failure)
{
	struct err err = ERR_INIT;
	int r = check_answer(x->arg, failure, &err);
	end(x->arg, r, &err);
}

int daemon_save_start(struct operation *op, struct err *err)
{
	(void)err;
	prepare(op, HTTP_GET);
	op->x.http.out_fd = op->fd;
	op->x.http.out_max = INT64_MAX; /* the disk is the limit */
	op->x.http.body.max = HTTP_ERROR_MAX;
	op->x.done = got_archive;
	exchange_start(&op->x);
	return 0;
}

/* The status is sent before the archive was read; what went wrong then is in one of the documents.
 */
static int check_loaded(const struct buf *body, struct err *err)
{
	AUTO_STRV struct strv lines = STRV_INIT;
	if (body->len == 0)
		return 0;
	strv_split(&lines, buf_str(body), '\n');
	STRV_FOREACH (line, &lines) {
		struct buf one = {.data = *line, .len = strlen(*line), .max = SIZE_MAX};
		AUTO_JSON struct json *j = NULL;
		struct err ignored = ERR_INIT;
		if (json_parse(one.data, one.len, "answer", &j, &ignored) < 0 ||
			!json_get(j, "error"))
			continue;
		AUTO_FREE char *said = exchange_said(&one);
		return err_set(err, ERR_DENIED, "docker says: %s", said ? said : "error");
	}
	return 0;
}

static void got_loaded(struct exchange *x, const struct err *failure)
{
	struct err err = ERR_INIT;
	int r = check_answer(x->arg, failure, &err);
	if (r == 0)
		r = check_loaded(&x->http.body, &err);
	end(x->arg, r, &err);
}

int daemon_load_start(struct operation *op, struct err *err)
{
	(void)err;
	prepare(op, HTTP_POST);
	strv_add(&op->x.headers, "Content-Type: application/x-tar");
	op->x.http.in_fd = op->fd;
	op->x.http.in_stream = true;
	op->x.http.body.max = LOADED_MAX;
	op->x.done = got_loaded;
	exchange_start(&op->x);
	return 0;
}
