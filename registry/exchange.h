/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the distribution protocol (distribution-spec 1.1), each carried on until its answer
 * is final: https or, where configured, http; authentication; redirects; waiting and repeating.
 * Lives in mica-remote only.
 *
 * Credentials stay home: an Authorization header goes only to the scheme, host and port that the
 * request was made for. A redirect to another origin loses it, and so does an upload location.
 * Redirects never lead from https to http, nor from elsewhere to this machine.
 */
#pragma once
#include "registry/client.h"
#include "registry/credentials.h"
#include "registry/http.h"
#include "registry/url.h"

#define REDIRECTS_MAX 5

enum exchange_auth {
	AUTH_REGISTRY,
	AUTH_NONE /* the headers have what is needed, and 401 is an answer */
};

struct exchange {
	struct client *client;
	struct host *host;
	const char *repository; /* whose credentials; borrowed */
	const char *scope; /* for tokens: "repository:library/busybox:pull"; borrowed */
	enum exchange_auth auth;
	bool follow; /* redirects: for GET and HEAD */
	bool mirror; /* on another host than the registry: --creds are not for it */
	bool once; /* what may pass is the caller's to repeat: see exchange_may_pass() */
	bool abroad; /* a registry that is not on this machine named the host */
	bool patient; /* nobody else is to be asked: a host that cannot be reached is tried again */
	char *url; /* absolute, or a path on the host; owned */
	struct strv headers;
	struct http_request http; /* the caller fills in method, bodies and limits */
	const char *authorization; /* a header to the host alone, with AUTH_NONE; borrowed */
	const struct credentials *login; /* instead of those that are kept; borrowed */
	void (*done)(struct exchange *x, const struct err *err);
	void *arg;
	/* below: exchange.c's */
	struct strv sent_headers;
	char *sent_url;
	char *first_url; /* url before it was redirected; NULL: it was not */
	bool strayed; /* it was redirected elsewhere: from then on we are nobody, also at home */
	bool home; /* it was sent to the host itself: others cannot ask who we are */
	unsigned failures, redirects, refusals;
	unsigned knew; /* the host's answer that it was sent with, counted from 1; 0: none */
	uint64_t failed_at; /* how far it had come at the last failure */
	bool started;
	uint64_t wake_ms;
	struct exchange *next;
};

/* Runs it; done() is always called, later or at once. err NULL: there is a response, whatever its
 * status. */
void exchange_start(struct exchange *x);
/* The same after a while: the longer the more often it failed, and not before the time that the
 * last response asked for. */
void exchange_start_later(struct exchange *x, unsigned failures, unsigned retry_after_s);
/* In done(): it may go well another time. */
bool exchange_may_pass(const struct exchange *x, const struct err *failure);
/* Goes on after something it waited for (its token, its time). */
void exchange_continue(struct exchange *x);
void exchange_fail(struct exchange *x, const struct err *err);
/* Stops it without done(), and frees what it holds. */
void exchange_done(struct exchange *x);
/* What an error document says, with nothing in it that could move a terminal's cursor. New string
 * or NULL. distribution-spec "Error Codes", and the Docker Engine API's {"message": ...} */
char *exchange_said(const struct buf *body);
/* A response that is not the one hoped for as an error: "not found (registry says: manifest
 * unknown)". */
int exchange_error(const struct exchange *x, struct err *err);
/* Credentials are wanted by a token service that is told none. tail: what the registry said */
int exchange_untold(const struct exchange *x, int code, const char *tail, struct err *err);
/* What can be done about a registry that was not reached, by its TLS: adds it to err, and returns
 * its code. */
int exchange_remedy(const struct exchange *x, struct err *err);

/*
 * token.c: the Authorization header for x. 0: appended to headers (nothing, when nothing is known
 * to be asked for). 1: exchange_continue() will be called.
 */
int token_authorize(struct exchange *x, struct strv *headers, struct err *err)
	__attribute__((warn_unused_result));
/* Learns from a 401. ERR_AUTH when there is nothing more to try. */
int token_challenged(struct exchange *x, struct err *err) __attribute__((warn_unused_result));
void tokens_forget_waiting(struct client *c, const struct exchange *x);
void tokens_free(struct client *c);
