/* SPDX-License-Identifier: Apache-2.0 */
/* Any file, for ADD and contexts: of no registry, so no credentials are for it but its URL's. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "registry/operation_internal.h"

static void got_file(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	int status = x->http.response.status;
	if (failure) {
		operation_fail(op, failure);
		return;
	}
	/* other 2xx are rare, and a file for BuildKit: 203 of a proxy, 204 of an empty one */
	if (status / 100 != 2 && status != 304) {
		struct err err = ERR_INIT;
		(void)err_set(&err,
			status == 404 || status == 410 ? ERR_NOT_FOUND
			: status >= 500                ? ERR_NETWORK
						       : ERR_DENIED,
			"%s answered with status %d", op->origin.name, status);
		operation_fail(op, &err);
		return;
	}
	AUTO_JSON struct json *j = operation_reply(op);
	json_set_int(j, "status", status);
	json_set_string(j, "etag", x->http.response.etag);
	json_set_string(j, "last_modified", x->http.response.last_modified);
	json_set_int(j, "size", (int64_t)x->http.out_offset);
	operation_succeed(op, j);
}

/* Whom to trust, as said for this command. certs.d is for registries, and a certificate of the
 * user's own is shown to no host that a Containerfile names. */
static int trust(struct operation *op, struct err *err)
{
	const struct client_opts *o = &op->client->opts;
	struct host *h = &op->origin;
	h->tls.insecure = o->tls_verify == 0;
	if (!o->cert_dir)
		return 0;
	if (certificates_load(o->cert_dir, h->name, &h->certificates, err) < 0)
		return err->code;
	h->tls.ca_pem = h->certificates.ca_pem;
	return 0;
}

int fetch_start(struct operation *op, struct err *err)
{
	AUTO_URL struct url url = {0};
	if (url_parse(op->url, &url, err) < 0)
		return err->code;
	AUTO_FREE char *origin = url_origin(&url);
	op->origin.name = xstrdup(strstr(origin, "://") + strlen("://"));
	op->origin.auth_name = op->origin.name;
	op->origin.plain = !url.https;
	op->origin.scheme_known = true;
	if (trust(op, err) < 0)
		return err->code;
	op->x.client = op->client;
	op->x.host = &op->origin;
	op->x.auth = AUTH_NONE;
	op->x.authorization = op->authorization;
	op->x.follow = true;
	op->x.patient = true;
	op->x.url = url_str(&url);
	op->x.arg = op;
	op->x.done = got_file;
	op->x.http.method = HTTP_GET;
	op->x.http.in_fd = -1;
	op->x.http.out_fd = op->fd;
	op->x.http.out_max = op->size ? op->size : INT64_MAX; /* the disk is the limit */
	op->x.http.out_restart = true;
	op->x.http.as_is = true;
	op->x.http.body.max = HTTP_ERROR_MAX;
	if (op->etag)
		strv_addf(&op->x.headers, "If-None-Match: %s", op->etag);
	if (op->last_modified)
		strv_addf(&op->x.headers, "If-Modified-Since: %s", op->last_modified);
	exchange_start(&op->x);
	return 0;
}

/* A validator goes into a header: no line breaks. */
int fetch_parse(struct operation *op, const struct json *request, struct err *err)
{
	const char *url = NULL, *user = NULL, *etag = NULL, *last_modified = NULL;
	int64_t max = 0;
	if (json_get_string(request, "request", "url", &url, err) < 0 ||
		json_get_string(request, "request", "user", &user, err) < 0 ||
		json_get_string(request, "request", "etag", &etag, err) < 0 ||
		json_get_string(request, "request", "last_modified", &last_modified, err) < 0 ||
		json_get_int(request, "request", "size", &max, err) < 0)
		return err->code;
	op->size = max > 0 ? (uint64_t)max : 0;
	if (!url || op->fd < 0)
		return err_set(err, ERR_INVALID, "fetch without a URL or a file");
	op->url = xstrdup(url);
	if (user) {
		AUTO_FREE char *basic = url_basic(user);
		op->authorization = xasprintf("Authorization: %s", basic);
		explicit_bzero(basic, strlen(basic));
	}
	if (etag && !strpbrk(etag, "\r\n"))
		op->etag = xstrdup(etag);
	if (last_modified && !strpbrk(last_modified, "\r\n"))
		op->last_modified = xstrdup(last_modified);
	return 0;
}
