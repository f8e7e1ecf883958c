/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and indexes: fetched, asked for, sent and deleted. distribution-spec "Pulling
 * manifests", "Pushing Manifests", "Content Management" */
#include "registry/operation_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "image/manifest.h"
#include "image/media_type.h"

#define ACCEPT_MANIFESTS                                                                           \
	"Accept: " MT_OCI_INDEX ", " MT_OCI_MANIFEST ", " MT_DOCKER_LIST ", " MT_DOCKER_MANIFEST

/* Whoever has the manifest is likely to have the blobs: they are asked for there, and not at the
 * mirrors before it. */
static void note_server(const struct operation *op)
{
	AUTO_FREE char *name = reference_name(&op->ref), *place = xasprintf("%zu", op->place);
	if (op->kind->pull && !op->direct)
		map_set(&op->client->servers, name, place);
}

void operation_start_at_server(struct operation *op)
{
	AUTO_FREE char *name = reference_name(&op->ref);
	const char *place = map_get(&op->client->servers, name);
	uint64_t number;
	if (place && num_u64(place, UINT32_MAX, &number) && number < op->places.n)
		op->place = (size_t)number;
}

/* Whoever asked looks at all of it, and its errors are better ones; but what is plainly not it is a
 * reason to ask the next place, as long as there is one. */
static int check_document(const struct operation *op, const struct buf *body, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	if (body->len == 0)
		return err_set(err, ERR_CORRUPT, "registry sent an empty manifest");
	if (op->place + 1 >= op->places.n)
		return 0;
	if (op->ref.has_digest) {
		struct digest have = digest_of_as(op->ref.digest.alg, body->data, body->len);
		if (!digest_equal(&have, &op->ref.digest))
			return err_set(
				err, ERR_CORRUPT, "registry sent a manifest of another digest");
	}
	if (json_parse(body->data, body->len, "manifest", &j, err) < 0)
		return err_wrap(err, "registry sent what is none");
	return 0;
}

static void got_manifest(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT;
	const struct buf *body = &x->http.body;
	int r = operation_check(x, failure, 0, &err);
	if (r == 0 && !op->head)
		r = check_document(op, body, &err);
	if (r == 0 && !op->head && fs_write_all(op->fd, buf_str(body), body->len) < 0)
		r = err_sys(&err, "cannot pass on the manifest");
	if (r < 0) {
		if (x->http.body.toobig)
			(void)err_set(&err, ERR_LIMIT, "manifest is larger than %llu bytes",
				MANIFEST_MAX);
		operation_next_place(op, &err);
		return;
	}
	note_server(op);
	AUTO_JSON struct json *j = operation_reply(op);
	operation_say_place(op, j);
	json_set_string(j, "media_type", x->http.response.content_type);
	json_set_string(j, "digest", x->http.response.digest);
	json_set_string(j, "etag", x->http.response.etag);
	json_set_int(j, "size", (int64_t)(op->head ? x->http.response.length : body->len));
	operation_succeed(op, j);
}

static char *manifest_path(const struct operation *op)
{
	char text[DIGEST_STR_MAX];
	if (op->ref.has_digest)
		return xasprintf("/v2/%s/manifests/%s", operation_place(op)->repository,
			digest_str(&op->ref.digest, text));
	return xasprintf("/v2/%s/manifests/%s", operation_place(op)->repository, op->ref.tag);
}

int manifest_start(struct operation *op, struct err *err)
{
	int r = operation_prepare(
		op, op->head ? HTTP_HEAD : HTTP_GET, "pull", manifest_path(op), err);
	if (r < 0)
		return r;
	strv_add(&op->x.headers, ACCEPT_MANIFESTS);
	op->x.http.body.max = MANIFEST_MAX;
	op->x.done = got_manifest;
	exchange_start(&op->x);
	return 0;
}

/* As a push asks: the registry itself, with the token that the push needs anyway. */
int has_manifest_start(struct operation *op, struct err *err)
{
	op->head = true;
	int r = operation_prepare(op, HTTP_HEAD, "pull,push", manifest_path(op), err);
	if (r < 0)
		return r;
	strv_add(&op->x.headers, ACCEPT_MANIFESTS);
	op->x.done = got_manifest;
	exchange_start(&op->x);
	return 0;
}

int operation_check_taken(const struct operation *op, struct err *err)
{
	char text[DIGEST_STR_MAX];
	const char *there = op->x.http.response.digest;
	struct digest have;
	struct err ignored = ERR_INIT;
	/* one of another algorithm says nothing: it may be the only one that the registry has */
	if (!there || digest_parse(there, &have, &ignored) < 0 || have.alg != op->digest.alg ||
		digest_equal(&have, &op->digest))
		return 0;
	return err_set(err, ERR_CORRUPT,
		"%s was sent, and the registry says that it has %s: the registry or the network "
		"changed it",
		digest_str(&op->digest, text), there);
}

void operation_accepted(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT;
	if (operation_check(x, failure, 0, &err) < 0) {
		if (op->etag && !failure && x->http.response.status == 412)
			(void)err_set(&err, ERR_BUSY, "another one has taken its place");
		operation_fail(op, &err);
		return;
	}
	if (op->has_digest && operation_check_taken(op, &err) < 0) {
		operation_fail(op, &err);
		return;
	}
	AUTO_JSON struct json *j = operation_reply(op);
	json_set_string(j, "subject", x->http.response.subject);
	operation_succeed(op, j);
}

int put_manifest_start(struct operation *op, struct err *err)
{
	int r = operation_prepare(op, HTTP_PUT, "pull,push", manifest_path(op), err);
	if (r < 0)
		return r;
	strv_addf(&op->x.headers, "Content-Type: %s", op->media_type);
	if (op->etag && *op->etag)
		strv_addf(&op->x.headers, "If-Match: %s", op->etag);
	else if (op->etag)
		strv_add(&op->x.headers, "If-None-Match: *");
	op->x.http.in_fd = op->fd;
	op->x.http.in_size = op->size;
	op->x.done = operation_accepted;
	exchange_start(&op->x);
	return 0;
}

/* "*" is the word for more than pull and push that token services know. */
int delete_manifest_start(struct operation *op, struct err *err)
{
	int r = operation_prepare(op, HTTP_DELETE, "*", manifest_path(op), err);
	if (r < 0)
		return r;
	op->x.done = operation_accepted;
	exchange_start(&op->x);
	return 0;
}
