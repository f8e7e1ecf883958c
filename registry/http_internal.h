/* SPDX-License-Identifier: Apache-2.0 */
/* One transfer of http.c, and what libcurl calls while it goes on (http_answer.c). */
#pragma once
#include "base/err.h"
#include "registry/http.h"
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSFERS_MAX 64

struct http_transfer {
	struct http *http;
	struct http_request *r;
	CURL *easy;
	struct curl_slist *headers;
	char message[CURL_ERROR_SIZE];
	size_t header_bytes;
	size_t redelivered; /* bytes at the start of the next write that were written before the
	                       pause */
	uint64_t skip; /* bytes of a full answer to a ranged request that are there already */
	bool paused, skip_set;
	bool anew; /* on a connection of its own */
	bool refused_here; /* an address of this machine that is not to be asked */
	uint64_t moved_before, moved_ms; /* so many bytes had moved then */
	uint64_t asked_ms; /* since when it is a document that is waited for */
	bool creeps; /* which did not come in time */
	struct err err; /* why a callback stopped the transfer */
};

struct http {
	CURLM *multi;
	unsigned stall_s;
	char *no_proxy;
	struct http_transfer *t[TRANSFERS_MAX];
	size_t n;
};

/* curl_easy_setopt(3): CURLOPT_HEADERFUNCTION, CURLOPT_WRITEFUNCTION, CURLOPT_READFUNCTION; arg is
 * the transfer */
size_t http_on_header(char *data, size_t size, size_t n, void *arg);
size_t http_on_body(char *data, size_t size, size_t n, void *arg);
size_t http_on_read(char *to, size_t size, size_t n, void *arg);
/* The status of the answer so far */
long http_status(const struct http_transfer *t);
/* Of the answer to a ranged request: false, and the reason in t->err, when it is not to be used. */
bool http_range_fits(struct http_transfer *t, long status);
/* In http_failure.c. HOST[:PORT] of what is asked, or its socket; buf or borrowed. */
const char *http_host(const struct http_request *r, char *buf, size_t n);
/* Why the transfer failed: fills in what r tells of it (unreachable ...), and returns the error. */
int http_failure(struct http_transfer *t, CURLcode code, struct err *err);
/* In http_stall.c, to be asked often: it moved next to nothing for as long as it may, or is a
 * document that took several times as long. */
bool http_stalled(struct http_transfer *t);
/* What it did not do, and for how long. Returns buf. */
const char *http_stall_reason(const struct http_transfer *t, char *buf, size_t n);
void http_response_clear(struct http_request *r);
