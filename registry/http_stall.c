/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transfer that moves next to nothing is given up after exactly the time that is said. libcurl's
 * own limit looks at an average of some seconds, and begins to count when that is low.
 */
#include "registry/http_internal.h"

#include "base/clock.h"

#define STALL_BYTES 256U /* per second: less is a stall */
#define MS_PER_S 1000U
/* what a registry may take to answer when it has all of a blob: it may copy it to where it keeps
 * blobs, and hash it, before it does */
#define ANSWER_S 900U
/* A document is small: all of it is to come in so many times what a transfer may stall, else one
 * byte after the other holds us for hours. */
#define DOCUMENT_STALLS 3U

/* What libcurl has read and not sent counts: the other side may have no room for it (HTTP/2). */
static bool is_sending(const struct http_transfer *t)
{
	curl_off_t up = 0;
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	return t->r->in_size && (uint64_t)up < t->r->in_size;
}

static unsigned limit_s(const struct http_transfer *t)
{
	const struct http_request *r = t->r;
	bool sends_all = r->method == HTTP_PUT || r->method == HTTP_PATCH;
	unsigned said = t->http->stall_s;
	if (r->unhurried)
		return 0;
	return sends_all && !is_sending(t) && said < ANSWER_S ? ANSWER_S : said;
}

static uint64_t bytes_moved(const struct http_transfer *t)
{
	curl_off_t up = 0, down = 0;
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	return (uint64_t)up + (uint64_t)down + t->header_bytes;
}

/* Connecting has a limit of its own. */
static bool is_connected(const struct http_transfer *t)
{
	curl_off_t begun = 0;
	curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &begun);
	return begun > 0;
}

/* An answer, or the headers of one, that is no content. */
static bool is_document(const struct http_transfer *t)
{
	return !is_sending(t) && !(t->r->out_fd >= 0 && http_status(t) / 100 == 2);
}

bool http_stalled(struct http_transfer *t)
{
	uint64_t now = clock_ms(), moved = bytes_moved(t);
	unsigned limit = limit_s(t);
	if (!limit || t->paused || !is_connected(t) || !is_document(t))
		t->asked_ms = now;
	t->creeps = now - t->asked_ms >= (uint64_t)limit * DOCUMENT_STALLS * MS_PER_S;
	if (limit && t->creeps)
		return true;
	if (!limit || t->paused || !is_connected(t) ||
		moved - t->moved_before >= (uint64_t)STALL_BYTES * limit) {
		t->moved_before = moved;
		t->moved_ms = now;
		return false;
	}
	return now - t->moved_ms >= (uint64_t)limit * MS_PER_S;
}

const char *http_stall_reason(const struct http_transfer *t, char *buf, size_t n)
{
	curl_off_t down = 0;
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	const char *what = is_sending(t)                 ? "takes no more of what is sent"
	                   : t->creeps                   ? "sends too slowly"
	                   : down || t->header_bytes > 0 ? "stopped sending"
	                                                 : "does not answer";
	(void)snprintf(buf, n, "%s (waited for %u s)", what,
		limit_s(t) * (t->creeps ? DOCUMENT_STALLS : 1));
	return buf;
}
