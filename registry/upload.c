/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob to a registry, distribution-spec "Pushing Blobs": HEAD whether it is there, POST (with a
 * mount, where another repository has it), then PUT of all of it. When that breaks, GET of the
 * upload tells how far it came: PATCH sends the rest, and a PUT without a body ends it. Where the
 * registry does not know any more it begins again with the HEAD, as the break may have come after
 * the last byte.
 */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/operation_internal.h"

static void reply(struct operation *op, const char *how)
{
	AUTO_JSON struct json *j = operation_reply(op);
	json_set_string(j, "how", how);
	operation_say_place(op, j);
	operation_succeed(op, j);
}

/* The Location of the last response: it may be relative, and may be elsewhere, where we are nobody.
 */
static int note_location(struct operation *op, struct err *err)
{
	const char *location = op->x.http.response.location;
	AUTO_URL struct url from = {0}, to = {0};
	if (!location)
		return err_set(err, ERR_NETWORK,
			"registry accepted an upload but named no location for it");
	if (url_parse(op->x.sent_url, &from, err) < 0 || url_resolve(&from, location, &to, err) < 0)
		return err_wrap(err, "location of the upload");
	if (from.https && !to.https && streq(from.host, to.host) && from.port == to.port)
		to.https = true; /* behind a proxy that ends TLS, registries get their own scheme
		                    wrong */
	if (from.https && !to.https)
		return err_set(err, ERR_DENIED,
			"registry sends the upload from https to http, which is refused");
	if (url_host_is_local(to.host) && !url_host_is_local(from.host))
		return err_set(err, ERR_DENIED,
			"registry sends the upload to '%s' on this machine, which is refused",
			to.host);
	mem_replace(&op->upload, url_str(&to));
	return 0;
}

/* --- what to do when it breaks --- */

static int send_rest(struct operation *op, struct err *err);

static void got_status(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT;
	uint64_t received = x->http.response.received;
	bool known = !failure && x->http.response.status / 100 == 2 && received > 0 &&
	             received <= op->size;
	int r = failure ? failure->code : 0;
	if (failure)
		err = *failure;
	if (r == 0 && known && x->http.response.location)
		r = note_location(op, &err);
	op->upload_offset = known ? received : 0;
	if (r == 0)
		r = known ? send_rest(op, &err) : upload_start(op, &err);
	if (r < 0)
		operation_fail(op, &err);
}

/* The registry is asked how far it came, unless this happened too often. */
static int ask_status(struct operation *op, const struct err *why, struct err *err)
{
	unsigned wait_s = op->x.http.response.retry_after_s;
	if (op->upload_failures >= op->client->opts.retries) {
		*err = *why;
		return err->code;
	}
	log_debug("upload broke: %s", why->msg);
	int r = operation_prepare(op, HTTP_GET, "pull,push", xstrdup(op->upload), err);
	if (r < 0)
		return r;
	op->x.follow = false;
	op->x.done = got_status;
	exchange_start_later(&op->x, op->upload_failures++, wait_s);
	return 0;
}

/* --- sending --- */

static void got_end(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT, why = ERR_INIT;
	bool lost = !failure && (x->http.response.status == 404 || x->http.response.status == 416);
	if (operation_check(x, failure, 0, &why) == 0) {
		if (operation_check_taken(op, &err) < 0)
			operation_fail(op, &err);
		else
			reply(op, "uploaded");
		return;
	}
	if (!exchange_may_pass(x, failure) && !lost)
		err = why;
	else if (ask_status(op, &why, &err) == 0)
		return;
	operation_fail(op, &err);
}

/* from == op->size: no body, all of it is there. */
static int send_end(struct operation *op, uint64_t from, struct err *err)
{
	char text[DIGEST_STR_MAX];
	char *url = xasprintf("%s%cdigest=%s", op->upload, strchr(op->upload, '?') ? '&' : '?',
		digest_str(&op->digest, text));
	int r = operation_prepare(op, HTTP_PUT, "pull,push", url, err);
	if (r < 0)
		return r;
	strv_add(&op->x.headers, "Content-Type: application/octet-stream");
	if (from < op->size) {
		op->x.http.in_fd = op->fd;
		op->x.http.in_size = op->size;
	}
	op->x.http.bulk = operation_is_bulk(op);
	op->x.once = true;
	op->x.done = got_end;
	exchange_start(&op->x);
	return 0;
}

static void got_chunk(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT, why = ERR_INIT;
	int r = operation_check(x, failure, 0, &why);
	bool lost = r < 0 && !failure &&
	            (x->http.response.status == 404 || x->http.response.status == 416);
	if (r == 0) {
		op->upload_offset = op->size;
		r = note_location(op, &err);
		if (r == 0)
			r = send_end(op, op->size, &err);
	} else if (exchange_may_pass(x, failure) || lost) {
		r = ask_status(op, &why, &err);
	} else {
		err = why;
	}
	if (r < 0)
		operation_fail(op, &err);
}

static int send_rest(struct operation *op, struct err *err)
{
	uint64_t from = op->upload_offset;
	if (from == op->size)
		return send_end(op, from, err);
	int r = operation_prepare(op, HTTP_PATCH, "pull,push", xstrdup(op->upload), err);
	if (r < 0)
		return r;
	strv_add(&op->x.headers, "Content-Type: application/octet-stream");
	strv_addf(&op->x.headers, "Content-Range: %llu-%llu", (unsigned long long)from,
		(unsigned long long)op->size - 1);
	op->x.http.in_fd = op->fd;
	op->x.http.in_offset = from;
	op->x.http.in_size = op->size - from;
	op->x.http.bulk = operation_is_bulk(op);
	op->x.once = true;
	op->x.done = got_chunk;
	exchange_start(&op->x);
	return 0;
}

/* --- beginning --- */

static void forget_origin(struct operation *op)
{
	mem_replace(&op->from, NULL);
	mem_replace(&op->mount_scope, NULL);
}

/* The newest place that is another repository of the host that the push goes to. */
static void choose_origin(struct operation *op)
{
	const struct place *to = operation_place(op);
	AUTO_STRV struct strv origins = STRV_INIT;
	if (op->origins)
		strv_split(&origins, op->origins, ' ');
	STRV_FOREACH (origin, &origins) {
		const char *slash = strchr(*origin, '/');
		if (!slash || strncmp(*origin, to->host, (size_t)(slash - *origin)) != 0 ||
			to->host[slash - *origin] || streq(slash + 1, to->repository))
			continue;
		mem_replace(&op->from, xstrdup(slash + 1));
		mem_replace(&op->mount_scope, xasprintf("repository:%s:pull", op->from));
		return;
	}
}

static int post(struct operation *op, struct err *err);

static void got_post(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT;
	int r = operation_check(x, failure, 0, &err);
	if (r == 0 && x->http.response.status == 201 && op->from) {
		r = operation_check_taken(op, &err);
		if (r == 0) {
			reply(op, "mounted");
			return;
		}
	}
	if (op->from && (r == ERR_AUTH || (r < 0 && !failure))) {
		/* there it is not ours to mount: it is sent */
		forget_origin(op);
		err_clear(&err);
		if (post(op, &err) < 0)
			operation_fail(op, &err);
		return;
	}
	if (r == 0)
		r = note_location(op, &err);
	if (r == 0)
		r = send_end(op, 0, &err);
	if (r < 0)
		operation_fail(op, &err);
}

static int post(struct operation *op, struct err *err)
{
	char text[DIGEST_STR_MAX];
	AUTO_BUF struct buf path = BUF_INIT(4 * KIB);
	buf_addf(&path, "/v2/%s/blobs/uploads/", operation_place(op)->repository);
	if (op->from) {
		buf_addf(&path, "?mount=%s&from=", digest_str(&op->digest, text));
		url_escape(&path, op->from);
	}
	int r = operation_prepare(op, HTTP_POST, "pull,push", buf_take(&path), err);
	if (r < 0)
		return r;
	op->x.done = got_post;
	exchange_start(&op->x);
	return 0;
}

static void got_head(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT;
	int r = operation_check(x, failure, 404, &err);
	if (r == 0 && x->http.response.status == 200) {
		reply(op, op->upload ? "uploaded" : "exists");
		return;
	}
	if (r == ERR_AUTH && op->from) {
		/* a token service may give none for both repositories, where others give what is
		 * allowed */
		forget_origin(op);
		err_clear(&err);
		if (upload_start(op, &err) < 0)
			operation_fail(op, &err);
		return;
	}
	/* Some registries refuse HEAD to those who may push: the upload itself will tell. */
	if (r == 0 || r == ERR_DENIED)
		r = post(op, &err);
	if (r < 0)
		operation_fail(op, &err);
}

int upload_start(struct operation *op, struct err *err)
{
	if (!op->from)
		choose_origin(op);
	mem_replace(&op->origins, NULL);
	int r = operation_prepare(op, HTTP_HEAD, "pull,push", operation_blob_path(op), err);
	if (r < 0)
		return r;
	op->x.done = got_head;
	exchange_start(&op->x);
	return 0;
}
