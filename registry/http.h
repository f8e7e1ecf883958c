/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP transfers, many at a time in one thread; the only user of libcurl. A request is started, and
 * its done() is called from http_step() when there is a response or none will come. Nothing is
 * followed and nothing is repeated here: redirects, authentication and retries are client.c's,
 * which knows what may be sent where.
 *
 * A successful body goes to out_fd (a pipe that is full pauses the transfer, as an empty one does
 * that is sent) or into `body`; other bodies go into `body`, cut at HTTP_ERROR_MAX.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "registry/challenge.h"
#include <stdbool.h>
#include <stdint.h>

#define HTTP_ERROR_MAX (64 * KIB) /* of an error's body */
#define HTTP_HEADERS_MAX (64 * KIB) /* of all header lines of a response */
#define HTTP_MISDIRECTED 421
#define HTTP_CONNECT_MS 15000
#define RETRY_AFTER_MAX_S 86400
#define HTTP_STALL_S 60 /* a transfer that moves next to nothing for so long is given up */
#define HTTP_STALL_MAX_S 3600

struct http;
struct url;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };

struct http_tls {
	bool insecure; /* certificates are not verified */
	const char *ca_pem, *cert_file, *key_file; /* or NULL; borrowed */
};

struct http_response {
	int status; /* 0: none came */
	char *content_type, *location;
	/* what the registry says it is, for a HEAD: the digest of bytes that came is taken from
	 * them, and a header that says otherwise means nothing */
	char *digest;
	char *etag, *last_modified;
	char *link; /* Link, of lists that come in pages */
	char *subject; /* OCI-Subject: it keeps the list of referrers itself */
	struct strv warnings; /* Warning: texts for whoever uses the registry */
	uint64_t length; /* Content-Length, 0 when unknown */
	uint64_t range_from; /* of a 206 */
	uint64_t received; /* Range of an upload's status: so many bytes; 0 unknown */
	unsigned retry_after_s; /* at most RETRY_AFTER_MAX_S */
	struct challenges challenges;
};

struct http_request {
	enum http_method method;
	const char *url; /* borrowed until done */
	bool as_is; /* "/../" in it may mean something to the server: it is not taken out */
	const struct strv *headers; /* "Name: value"; borrowed until done */
	const struct http_tls *tls; /* borrowed until done */
	const char *form; /* body of a POST, application/x-www-form-urlencoded; or NULL */
	int in_fd; /* body of a PUT or PATCH, a regular file, or of a POST; -1: empty */
	uint64_t in_offset, in_size; /* where in it, and how much */
	bool in_stream; /* in_fd is a pipe, which does not block: the body ends where it does */
	const char *unix_socket; /* of a daemon of this machine, asked there in place of the URL's
	                            host; borrowed until done; or NULL */
	bool unhurried; /* it takes the time it takes */
	bool not_here; /* whoever named the host is elsewhere: a name that leads to this machine is
	                  not followed. Not known where a proxy looks names up. */
	int out_fd; /* -1: into body */
	uint64_t out_offset; /* bytes that out_fd has already: the transfer goes on there (Range),
	                        updated as bytes are written */
	uint64_t out_max; /* more than this is ERR_CORRUPT */
	bool no_range; /* the server refuses to begin at out_offset: all is asked for, and what is
	                  there already is passed over */
	bool out_restart; /* out_fd is a file, and nothing says that the content is the same when it
	                     is asked for again: a further attempt begins anew */
	struct buf body; /* set its max before */
	bool bulk; /* many bytes: a connection of its own, see http.c */
	struct http_response response;
	uint64_t sent; /* of in_fd */
	bool unreachable; /* no connection, or no TLS on it */
	bool permanent; /* asking again would be answered the same */
	bool unknown_authority; /* nobody who is trusted signed that */
	bool no_tls; /* what answers there speaks something else */
	bool bad_authorities; /* nothing can be read from tls->ca_pem */
	bool wants_certificate; /* of ours, to know who asks */
	bool stalled; /* it moved next to nothing for too long; the next attempt connects anew */
	bool reader_gone; /* nobody reads out_fd any more */
	bool was_here; /* it connected to this machine */
	/* err is NULL when a response came; its status may be anything. */
	void (*done)(struct http_request *r, const struct err *err);
	void *transfer_arg; /* the caller's */
	struct http_transfer *transfer; /* http.c's */
};

int http_new(struct http **ret, struct err *err) __attribute__((warn_unused_result));
void http_free(struct http *h);
/* How long a transfer may stall. */
void http_set_stall(struct http *h, unsigned seconds);
int http_start(struct http *h, struct http_request *r, struct err *err)
	__attribute__((warn_unused_result));
/* Stops it; done() is not called. */
void http_cancel(struct http *h, struct http_request *r);
/* Frees what the last response holds. */
void http_request_clear(struct http_request *r);
/* Waits until something happens, at most ms, and lets transfers go on. *ret_readable: fd can be
 * read. */
int http_step(struct http *h, int fd, int ms, bool *ret_readable, struct err *err)
	__attribute__((warn_unused_result));
