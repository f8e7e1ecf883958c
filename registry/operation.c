/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/operation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/client.h"
#include "registry/message.h"
#include "registry/operation_internal.h"

#define PROGRESS_MS 100 /* no more often than that */
#define BULK_MIN (1 * MIB) /* what is smaller may as well be buffered whole */

static void operation_free(struct operation *op)
{
	for (struct operation **p = op->list; *p; p = &(*p)->next) {
		if (*p == op) {
			*p = op->next;
			break;
		}
	}
	exchange_done(&op->x);
	if (op->fd >= 0)
		close(op->fd);
	reference_done(&op->ref);
	credentials_done(&op->login);
	places_done(&op->places);
	free(op->media_type);
	free(op->from);
	free(op->origins);
	free(op->upload);
	free(op->url);
	if (op->authorization)
		explicit_bzero(op->authorization, strlen(op->authorization));
	free(op->authorization);
	free(op->etag);
	free(op->last_modified);
	free(op->socket);
	free(op->server);
	free(op->origin.name);
	certificates_done(&op->origin.certificates);
	free(op->scope);
	free(op->mount_scope);
	free(op->tried);
	free(op);
}

void operations_free(struct operation **list)
{
	while (*list)
		operation_free(*list);
}

struct json *operation_reply(const struct operation *op)
{
	struct json *j = json_new_object();
	json_set_int(j, "id", op->id);
	return j;
}

/* The other side is gone when this fails; the loop notices. */
static void send_reply(const struct operation *op, const struct json *j)
{
	struct err err = ERR_INIT;
	if (message_send(op->sock, j, -1, &err) < 0)
		log_debug("%s", err.msg);
}

void operation_fail(struct operation *op, const struct err *err)
{
	AUTO_JSON struct json *j = operation_reply(op);
	struct json *e = json_new_object();
	json_set_int(e, "code", err->code);
	json_set_string(e, "message", err->msg);
	json_set(j, "error", e);
	/* closed before the reply: whoever reads sees the end first */
	if (op->fd >= 0)
		close(take_fd(&op->fd));
	send_reply(op, j);
	operation_free(op);
}

void operation_succeed(struct operation *op, struct json *j)
{
	json_set(j, "ok", json_new_bool(true));
	if (op->fd >= 0)
		close(take_fd(&op->fd));
	send_reply(op, j);
	operation_free(op);
}

void operations_progress(struct operation *list)
{
	for (struct operation *op = list; op; op = op->next) {
		uint64_t now = op->x.http.out_fd >= 0 ? op->x.http.out_offset
		                                      : op->x.http.in_offset + op->x.http.sent;
		if (now == op->reported || clock_ms() < op->reported_ms + PROGRESS_MS)
			continue;
		op->reported = now;
		op->reported_ms = clock_ms();
		AUTO_JSON struct json *j = operation_reply(op);
		json_set_int(j, "progress", (int64_t)now);
		message_offer(op->sock, j);
	}
}

const struct place *operation_place(const struct operation *op)
{
	return &op->places.p[op->place];
}

void operation_say_place(const struct operation *op, struct json *j)
{
	AUTO_FREE char *place =
		xasprintf("%s/%s", operation_place(op)->host, operation_place(op)->repository);
	json_set_string(j, "place", place);
}

/* Passes over those that could not be reached by others, as long as there is one left to ask. */
static int skip_places(struct operation *op, struct err *err)
{
	struct host *h;
	for (; op->place + 1 < op->places.n; op->place++) {
		int r = client_host(op->client, operation_place(op), &h, err);
		if (r < 0 || !h->down)
			return r;
		mem_replace(&op->tried, xasprintf("%s%s: cannot be reached; ",
						op->tried ? op->tried : "", h->name));
	}
	return 0;
}

/* The next place, with what this one said kept for the last message. */
void operation_next_place(struct operation *op, const struct err *failure)
{
	struct err err = *failure;
	bool last = op->place + 1 >= op->places.n || err.code == ERR_CANCELLED ||
	            op->x.http.reader_gone;
	if (last) {
		if (op->tried)
			(void)err_wrap(&err, "%s%s", op->tried, operation_place(op)->host);
		operation_fail(op, &err);
		return;
	}
	log_debug("%s: %s; trying the next place", operation_place(op)->host, err.msg);
	mem_replace(&op->tried, xasprintf("%s%s: %.300s; ", op->tried ? op->tried : "",
					operation_place(op)->host, err.msg));
	op->place++;
	if (skip_places(op, &err) < 0 || op->kind->start(op, &err) < 0)
		operation_fail(op, &err);
}

int operation_prepare(struct operation *op, enum http_method method, const char *actions,
	char *path, struct err *err)
{
	uint64_t offset = op->x.http.out_offset;
	exchange_done(&op->x);
	op->x.url = path;
	mem_replace(&op->scope,
		xasprintf("repository:%s:%s%s%s", operation_place(op)->repository, actions,
			op->mount_scope ? " " : "", op->mount_scope ? op->mount_scope : ""));
	op->x.client = op->client;
	op->x.repository = operation_place(op)->repository;
	op->x.mirror = !streq(operation_place(op)->host, op->places.p[op->places.n - 1].host);
	op->x.scope = op->scope;
	op->x.arg = op;
	op->x.follow = method == HTTP_GET || method == HTTP_HEAD;
	op->x.http.method = method;
	op->x.http.in_fd = op->x.http.out_fd = -1;
	op->x.http.out_offset = offset;
	op->x.http.body.max = HTTP_ERROR_MAX;
	op->x.patient = op->place + 1 == op->places.n;
	return client_host(op->client, operation_place(op), &op->x.host, err);
}

int operation_check(struct exchange *x, const struct err *failure, int also, struct err *err)
{
	if (failure) {
		*err = *failure;
		return err->code;
	}
	int status = x->http.response.status;
	if (status / 100 == 2 || (also && status == also))
		return 0;
	return exchange_error(x, err);
}

/* --- blob --- */

static void got_blob(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT;
	unsigned long long got = x->http.out_offset, want = op->size;
	/* A connection that broke after the last byte has delivered all the same; who reads checks
	 * the digest. */
	bool whole = got == want && op->size && !(failure && failure->code == ERR_CORRUPT);
	int r = whole ? 0 : operation_check(x, failure, 0, &err);
	if (r == 0 && got != want)
		r = err_set(&err, ERR_CORRUPT, "registry sent %llu of %llu bytes", got, want);
	/* What was passed on stays passed on: the next place continues where this one ended, the
	 * content being the same by its digest. */
	if (r < 0) {
		operation_next_place(op, &err);
		return;
	}
	AUTO_JSON struct json *j = operation_reply(op);
	operation_succeed(op, j);
}

char *operation_blob_path(const struct operation *op)
{
	char text[DIGEST_STR_MAX];
	return xasprintf(
		"/v2/%s/blobs/%s", operation_place(op)->repository, digest_str(&op->digest, text));
}

bool operation_is_bulk(const struct operation *op)
{
	return op->size > BULK_MIN;
}

static int blob_start(struct operation *op, struct err *err)
{
	int r = operation_prepare(op, HTTP_GET, "pull", operation_blob_path(op), err);
	if (r < 0)
		return r;
	op->x.http.out_fd = op->fd;
	op->x.http.out_max = op->size;
	op->x.http.bulk = operation_is_bulk(op);
	op->x.done = got_blob;
	exchange_start(&op->x);
	return 0;
}

/* --- login --- */

static int login_start(struct operation *op, struct err *err)
{
	int r = operation_prepare(op, HTTP_GET, "pull", xstrdup("/v2/"), err);
	if (r < 0)
		return r;
	op->x.scope = NULL; /* only who we are, nothing of anybody's */
	op->x.login = &op->login;
	op->x.done = operation_accepted;
	exchange_start(&op->x);
	return 0;
}

static int parse_login(struct operation *op, const struct json *request, struct err *err)
{
	const char *registry = json_text(json_get(request, "registry"));
	const char *user = json_text(json_get(request, "user")),
		   *password = json_text(json_get(request, "password"));
	if (!registry || !user || !password)
		return err_set(err, ERR_INVALID, "login without registry, user or password");
	op->login = (struct credentials){.user = xstrdup(user), .password = xstrdup(password)};
	/* Settings are found by a name below the registry; which one does not matter. */
	AUTO_FREE char *text = xasprintf("%s/login:latest", registry);
	int r = reference_parse(text, &op->ref, err);
	return r < 0 ? err_wrap(err, "registry '%s'", registry) : 0;
}

static int parse_request(struct operation *op, const struct json *request, struct err *err)
{
	const char *ref = NULL, *digest = NULL, *media_type = NULL, *from = NULL, *etag = NULL;
	int64_t size = 0;
	if (json_get_string(request, "request", "ref", &ref, err) < 0 ||
		json_get_string(request, "request", "digest", &digest, err) < 0 ||
		json_get_string(request, "request", "media_type", &media_type, err) < 0 ||
		json_get_string(request, "request", "from", &from, err) < 0 ||
		json_get_string(request, "request", "etag", &etag, err) < 0 ||
		json_get_int(request, "request", "size", &size, err) < 0 ||
		json_get_bool(request, "request", "head", &op->head, err) < 0 ||
		json_get_bool(request, "request", "direct", &op->direct, err) < 0)
		return err->code;
	if (!ref || reference_parse(ref, &op->ref, err) < 0)
		return ref ? err->code : err_set(err, ERR_INVALID, "request without a reference");
	reference_default_tag(&op->ref);
	if (digest && digest_parse(digest, &op->digest, err) < 0)
		return err->code;
	op->has_digest = digest;
	op->size = size > 0 ? (uint64_t)size : 0;
	op->media_type = xstrdup(media_type ? media_type : MT_OCI_MANIFEST);
	op->origins = from ? xstrdup(from) : NULL;
	op->etag = etag && !strpbrk(etag, "\r\n") ? xstrdup(etag) : NULL;
	return 0;
}

static const struct operation_kind kinds[] = {
	{.name = "manifest", .start = manifest_start, .pull = true},
	{.name = "blob", .start = blob_start, .pull = true},
	{.name = "has_manifest", .start = has_manifest_start, .push = true},
	{.name = "put_blob", .start = upload_start, .push = true},
	{.name = "put_manifest", .start = put_manifest_start, .push = true},
	{.name = "delete_manifest", .start = delete_manifest_start},
	{.name = "check", .start = check_start, .pull = true},
	{.name = "tags", .start = tags_start, .pages = "list of tags"},
	{.name = "referrers", .start = referrers_start, .pages = "list of referrers"},
	{.name = "lookaside", .start = lookaside_start, .anywhere = true},
	{.name = "login", .start = login_start, .parse = parse_login},
	{.name = "fetch", .start = fetch_start, .parse = fetch_parse, .anywhere = true},
	{.name = "daemon_save",
		.start = daemon_save_start,
		.parse = daemon_parse,
		.anywhere = true},
	{.name = "daemon_load",
		.start = daemon_load_start,
		.parse = daemon_parse,
		.anywhere = true},
};

static const struct operation_kind *find_kind(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(kinds); i++)
		if (streq(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static int find_places(struct operation *op, struct err *err)
{
	if (op->kind->anywhere)
		return 0;
	enum places_for use = op->kind->push                  ? PLACES_WRITE
	                      : op->kind->pull && !op->direct ? PLACES_PULL
	                                                      : PLACES_READ;
	int r = registries_places(&op->client->registries, &op->ref, use, &op->places, err);
	if (streq(op->kind->name, "blob"))
		operation_start_at_server(op);
	return r < 0 ? r : skip_places(op, err);
}

int operation_start(struct client *c, struct operation **list, int sock, const struct json *request,
	int fd, struct err *err)
{
	const struct operation_kind *kind = find_kind(json_text(json_get(request, "op")));
	if (!kind) {
		if (fd >= 0)
			close(fd);
		return err_set(err, ERR_INVALID, "unknown request to mica-remote");
	}
	struct operation *op = xcalloc(1, sizeof(*op));
	*op = (struct operation){.client = c,
		.kind = kind,
		.sock = sock,
		.fd = fd,
		.list = list,
		.next = *list,
		.id = json_int(json_get(request, "id"))};
	*list = op;
	struct err failure = ERR_INIT;
	/* A pipe that is full pauses its transfer only; for a file this changes nothing. */
	if (fd >= 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		(void)err_sys(&failure, "cannot use the descriptor that was handed over");
	else if ((kind->parse ? kind->parse : parse_request)(op, request, &failure) == 0 &&
		 find_places(op, &failure) == 0)
		(void)kind->start(op, &failure);
	if (failure.code)
		operation_fail(op, &failure);
	return 0;
}
