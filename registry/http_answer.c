/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in and goes out of a transfer: headers and bodies. */
#include "registry/http_internal.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"

static void set_once(char **to, const char *value)
{
	if (!*to)
		*to = xstrdup(value);
}

/* RFC 9110 10.2.3: seconds, or the date until when. */
static unsigned retry_after(const char *value)
{
	uint64_t seconds;
	if (!num_u64(value, INT64_MAX, &seconds)) {
		time_t until = curl_getdate(value, NULL), now = time(NULL);
		seconds = until > now ? (uint64_t)(until - now) : 0;
	}
	return seconds < RETRY_AFTER_MAX_S ? (unsigned)seconds : RETRY_AFTER_MAX_S;
}

static bool is_header(const char *name, size_t n, const char *text)
{
	return strlen(text) == n && strncasecmp(name, text, n) == 0;
}

/* Those whose text is kept as it is, the first of each. */
static char **kept_text(struct http_response *r, const char *name, size_t n)
{
	const struct {
		const char *name;
		char **text;
	} kept[] = {
		{"content-type", &r->content_type},
		{"location", &r->location},
		{"docker-content-digest", &r->digest},
		{"etag", &r->etag},
		{"last-modified", &r->last_modified},
		{"link", &r->link},
		{"oci-subject", &r->subject},
	};
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (is_header(name, n, kept[i].name))
			return kept[i].text;
	return NULL;
}

/* "bytes 100-199/200": 100; UINT64_MAX for anything else */
static uint64_t range_from(const char *value)
{
	uint64_t from;
	if (!str_has_prefix(value, "bytes "))
		return UINT64_MAX;
	AUTO_FREE char *text = xstrndup(value + 6, strcspn(value + 6, "-"));
	return num_u64(text, INT64_MAX, &from) ? from : UINT64_MAX;
}

/* `299 - "TEXT"` and nothing behind it is what a registry says to whoever uses it, and other
 * warnings are of caches on the way: distribution-spec "Warnings". New string, or NULL. */
static char *warning_text(const char *value)
{
	static const char before[] = "299 - \"";
	if (!str_has_prefix(value, before))
		return NULL;
	char *text = xstrdup(value + strlen(before)), *to = text;
	const char *from = text;
	while (*from && *from != '"') {
		from += *from == '\\' && from[1];
		*to++ = *from++;
	}
	bool whole = *from == '"' && !from[1];
	*to = '\0';
	if (!whole)
		mem_replace(&text, NULL);
	return text;
}

static int header_line(struct http_transfer *t, const char *name, size_t n, const char *value)
{
	struct http_response *resp = &t->r->response;
	uint64_t number;
	char **text = kept_text(resp, name, n);
	if (text) {
		set_once(text, value);
	} else if (is_header(name, n, "content-length")) {
		if (num_u64(value, INT64_MAX, &number))
			resp->length = number;
	} else if (is_header(name, n, "retry-after")) {
		resp->retry_after_s = retry_after(value);
	} else if (is_header(name, n, "content-range")) {
		resp->range_from = range_from(value);
	} else if (is_header(name, n, "range")) {
		/* "0-0" says one byte, and is what registries say of none */
		if (str_has_prefix(value, "0-") && num_u64(value + 2, INT64_MAX, &number) && number)
			resp->received = number + 1;
	} else if (is_header(name, n, "warning")) {
		AUTO_FREE char *warning = warning_text(value);
		if (warning)
			strv_add(&resp->warnings, warning);
	} else if (is_header(name, n, "www-authenticate")) {
		return challenges_parse(value, &resp->challenges, &t->err);
	}
	return 0;
}

size_t http_on_header(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	n *= size;
	t->header_bytes += n;
	if (t->header_bytes > HTTP_HEADERS_MAX) {
		(void)err_set(&t->err, ERR_LIMIT, "response has more than %llu bytes of headers",
			HTTP_HEADERS_MAX);
		return 0;
	}
	if (n >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		/* the headers of an informational response (100 Continue) do not count */
		http_response_clear(t->r);
		return n;
	}
	size_t end = n;
	while (end && (data[end - 1] == '\r' || data[end - 1] == '\n' || data[end - 1] == ' '))
		end--;
	char *colon = memchr(data, ':', end);
	if (!colon)
		return n;
	size_t start = (size_t)(colon - data) + 1;
	while (start < end && (data[start] == ' ' || data[start] == '\t'))
		start++;
	AUTO_FREE char *value = xstrndup(data + start, end - start);
	return header_line(t, data, (size_t)(colon - data), value) < 0 ? 0 : n;
}

long http_status(const struct http_transfer *t)
{
	long status = 0;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* An answer to a ranged request: goes on where we are, or starts again (200 or its like), or is
 * not to be used. */
bool http_range_fits(struct http_transfer *t, long status)
{
	struct http_request *r = t->r;
	if (t->skip_set)
		return true;
	t->skip_set = true;
	if (status == 206 && r->response.range_from == r->out_offset)
		return true;
	if (status != 206) {
		t->skip = r->out_offset;
		return true;
	}
	(void)err_set(
		&t->err, ERR_NETWORK, "registry answered with another range than was asked for");
	return false;
}

/* Returns n when all is written, CURL_WRITEFUNC_PAUSE when the pipe is full: curl will deliver the
 * same bytes again, of which the first are then known. */
static size_t write_out(struct http_transfer *t, const char *data, size_t n)
{
	struct http_request *r = t->r;
	size_t at = t->redelivered;
	t->redelivered = 0;
	if (t->skip) {
		size_t drop = n - at < t->skip ? n - at : (size_t)t->skip;
		at += drop;
		t->skip -= drop;
	}
	while (at < n) {
		if (r->out_offset + (n - at) > r->out_max) {
			(void)err_set(&t->err, ERR_CORRUPT,
				"the server sent more than the %llu bytes that the content may "
				"have",
				(unsigned long long)r->out_max);
			return 0;
		}
		ssize_t written = write(r->out_fd, data + at, n - at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN) {
			t->redelivered = at;
			t->paused = true;
			return CURL_WRITEFUNC_PAUSE;
		}
		if (written < 0) {
			r->reader_gone = errno == EPIPE;
			(void)err_sys(&t->err, "cannot pass on what was received");
			return 0;
		}
		at += (size_t)written;
		r->out_offset += (uint64_t)written;
	}
	return n;
}

size_t http_on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	struct http_request *r = t->r;
	long status = http_status(t);
	n *= size;
	if (status / 100 == 2 && r->out_fd >= 0)
		return http_range_fits(t, status) ? write_out(t, data, n) : 0;
	if (status / 100 == 2) {
		buf_add(&r->body, data, n);
		if (!r->body.toobig)
			return n;
		(void)err_set(&t->err, ERR_LIMIT, "response is larger than %zu bytes", r->body.max);
		return 0;
	}
	if (r->body.len + n <= HTTP_ERROR_MAX && r->body.len + n <= r->body.max)
		buf_add(&r->body, data, n);
	return n;
}

static size_t read_stream(struct http_transfer *t, char *to, size_t n)
{
	ssize_t got;
	do {
		got = read(t->r->in_fd, to, n);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN) {
		t->paused = true;
		return CURL_READFUNC_PAUSE;
	}
	if (got < 0) {
		(void)err_sys(&t->err, "cannot read what is to be sent");
		return CURL_READFUNC_ABORT;
	}
	t->r->sent += (uint64_t)got;
	return (size_t)got;
}

size_t http_on_read(char *to, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	struct http_request *r = t->r;
	if (r->in_stream)
		return read_stream(t, to, n * size);
	uint64_t left = r->in_size - r->sent;
	if (n * size < left)
		left = n * size;
	ssize_t got = left ? pread(r->in_fd, to, left, (off_t)(r->in_offset + r->sent)) : 0;
	if (got < 0 || (left && got == 0)) {
		(void)err_set(&t->err, ERR_SYS, "cannot read what is to be sent");
		return CURL_READFUNC_ABORT;
	}
	r->sent += (uint64_t)got;
	return (size_t)got;
}
