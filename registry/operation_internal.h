/* SPDX-License-Identifier: Apache-2.0 */
/* What the requests share: operation.c has what they all need, and
 * those that fill no file of their own. */
#pragma once
#include "image/reference.h"
#include "registry/exchange.h"
#include "registry/operation.h"

struct json;
struct operation;
struct operation_kind {
	const char *name;
	/* sends the request for op->places.p[op->place], or the login's one */
	int (*start)(struct operation *op, struct err *err);
	bool pull; /* mirrors may serve it */
	bool push; /* it is about what is at the reference itself (PLACES_WRITE) */
	/* of the request; NULL: "ref" and what goes with it */
	int (*parse)(struct operation *op, const struct json *request, struct err *err);
	bool anywhere; /* not a registry's: there are no places to choose from */
	const char *pages; /* of a list: what one page of it is */
};

struct operation {
	struct operation *next, **list;
	struct client *client;
	const struct operation_kind *kind;
	int64_t id;
	int sock, fd;
	struct reference ref;
	struct digest digest;
	bool has_digest;
	uint64_t size;
	char *media_type;
	char *origins; /* "host/repository" ... that may have the blob */
	char *from; /* the repository of them that it is to be mounted from */
	char *upload; /* where the blob is being sent to, absolute */
	uint64_t upload_offset; /* bytes of it that the registry has */
	unsigned upload_failures;
	char *url, *etag, *last_modified;
	char *authorization; /* for url */
	char *socket; /* of a daemon of this machine, or */
	char *server; /* the URL of one */
	struct host origin; /* of url */
	bool head;
	bool direct; /* no mirror may serve it */
	unsigned pages, listed; /* of a list */
	struct credentials login;
	struct places places;
	size_t place;
	char *scope, *mount_scope;
	char *tried; /* what the places before answered */
	uint64_t reported, reported_ms;
	struct exchange x;
};

struct json *operation_reply(const struct operation *op);
/* Either ends the operation and frees it. */
void operation_fail(struct operation *op, const struct err *err);
void operation_succeed(struct operation *op, struct json *j);
/* "place": "host/repository" as it was asked, into a reply. */
void operation_say_place(const struct operation *op, struct json *j);
const struct place *operation_place(const struct operation *op);
/* A fresh exchange with the place's host; method, sinks and done are the caller's to set. path:
 * taken over. */
int operation_prepare(struct operation *op, enum http_method method, const char *actions,
	char *path, struct err *err) __attribute__((warn_unused_result));
/* For the end of a request: NULL err and a 2xx (or `also`) status, else the error. */
int operation_check(struct exchange *x, const struct err *failure, int also, struct err *err)
	__attribute__((warn_unused_result));
/* What this place answered is kept for the end, and the next one is asked; after the last the
 * operation fails. */
void operation_next_place(struct operation *op, const struct err *failure);
/* After a PUT: ERR_CORRUPT when the registry says that what it took has another digest. */
int operation_check_taken(const struct operation *op, struct err *err)
	__attribute__((warn_unused_result));
/* The end of a request that only says yes or no. */
void operation_accepted(struct exchange *x, const struct err *failure);
/* operation_manifest.c */
int manifest_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
int has_manifest_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
int put_manifest_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
int delete_manifest_start(struct operation *op, struct err *err)
	__attribute__((warn_unused_result));
/* At the place that the image's manifest came from. */
void operation_start_at_server(struct operation *op);
char *operation_blob_path(const struct operation *op); /* new string */
/* The blob is so large that it gets a connection of its own. */
bool operation_is_bulk(const struct operation *op);
/* listing.c: lines of what there is */
int tags_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
int referrers_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
/* lookaside_place.c: where signatures are */
int lookaside_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
/* operation_check.c: asks the place that "size" counts; ERR_NOT_FOUND: there are not so many */
int check_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
/* operation_fetch.c: any file of the network */
int fetch_parse(struct operation *op, const struct json *request, struct err *err)
	__attribute__((warn_unused_result));
int fetch_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
/* daemon.c: archives from and to a docker daemon */
int daemon_parse(struct operation *op, const struct json *request, struct err *err)
	__attribute__((warn_unused_result));
int daemon_save_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
int daemon_load_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
/* upload.c: sends the blob, or finds it there. */
int upload_start(struct operation *op, struct err *err) __attribute__((warn_unused_result));
