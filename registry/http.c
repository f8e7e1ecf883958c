/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/proxy.h"
#include "registry/url.h"

#define RECEIVE_BUFFER (512L * 1024) /* few, large writes to the pipe */
#define SEND_BUFFER (256L * 1024)
#define USER_AGENT "mica/0.1"

int http_new(struct http **ret, struct err *err)
{
	struct http *h = xcalloc(1, sizeof(*h));
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(h->multi = curl_multi_init())) {
		free(h);
		return err_set(err, ERR_SYS, "cannot initialise libcurl");
	}
	const char *no_proxy = getenv("no_proxy");
	h->no_proxy = proxy_exceptions(no_proxy ? no_proxy : getenv("NO_PROXY"));
	h->stall_s = HTTP_STALL_S;
	*ret = h;
	return 0;
}

void http_set_stall(struct http *h, unsigned seconds)
{
	h->stall_s = seconds;
}

static void transfer_free(struct http_transfer *t)
{
	curl_multi_remove_handle(t->http->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	for (size_t i = 0; i < t->http->n; i++)
		if (t->http->t[i] == t)
			t->http->t[i] = t->http->t[--t->http->n];
	t->r->transfer = NULL;
	free(t);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->n)
		transfer_free(h->t[0]);
	curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	free(h->no_proxy);
	free(h);
}

void http_cancel(struct http *h, struct http_request *r)
{
	(void)h;
	if (r->transfer)
		transfer_free(r->transfer);
}

void http_response_clear(struct http_request *r)
{
	free(r->response.content_type);
	free(r->response.location);
	free(r->response.digest);
	free(r->response.etag);
	free(r->response.last_modified);
	free(r->response.link);
	free(r->response.subject);
	strv_done(&r->response.warnings);
	challenges_done(&r->response.challenges);
	r->response = (struct http_response){0};
	buf_clear(&r->body);
}

void http_request_clear(struct http_request *r)
{
	http_response_clear(r);
	buf_done(&r->body);
	r->sent = 0;
	r->unreachable = false;
	r->permanent = false;
	r->unknown_authority = false;
	r->no_tls = false;
	r->bad_authorities = false;
	r->wants_certificate = false;
	r->stalled = false;
	r->reader_gone = false;
	r->was_here = false;
}

static void set_tls(CURL *e, const struct http_tls *tls)
{
	/* also where OpenSSL's own configuration allows older ones */
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
	if (file && *file) {
		curl_easy_setopt(e, CURLOPT_CAINFO, file);
		curl_easy_setopt(e, CURLOPT_PROXY_CAINFO, file);
	}
	if (dir && *dir) {
		curl_easy_setopt(e, CURLOPT_CAPATH, dir);
		curl_easy_setopt(e, CURLOPT_PROXY_CAPATH, dir);
	}
	if (!tls)
		return;
	if (tls->insecure) {
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (tls->ca_pem) {
		struct curl_blob blob = {.data = (void *)(uintptr_t)tls->ca_pem,
			.len = strlen(tls->ca_pem),
			.flags = CURL_BLOB_COPY};
		curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (tls->cert_file) {
		curl_easy_setopt(e, CURLOPT_SSLCERT, tls->cert_file);
		curl_easy_setopt(e, CURLOPT_SSLKEY, tls->key_file);
	}
}

/* CURLOPT_OPENSOCKETFUNCTION */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct http_transfer *t = arg;
	char text[INET6_ADDRSTRLEN] = "";
	const void *at = a->family == AF_INET
	                         ? (const void *)&((struct sockaddr_in *)(void *)&a->addr)->sin_addr
	                         : &((struct sockaddr_in6 *)(void *)&a->addr)->sin6_addr;
	bool is_ip = a->family == AF_INET || a->family == AF_INET6;
	bool here =
		is_ip && inet_ntop(a->family, at, text, sizeof(text)) && url_host_is_local(text);
	(void)purpose;
	if (here && t->r->not_here) {
		t->refused_here = true;
		return CURL_SOCKET_BAD;
	}
	t->r->was_here |= here;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool has_proxy(void)
{
	static const char *const names[] = {
		"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			return true;
	}
	return false;
}

static void set_body(struct http_transfer *t)
{
	const struct http_request *r = t->r;
	CURL *e = t->easy;
	curl_off_t size = r->in_stream ? -1 : r->in_fd >= 0 ? (curl_off_t)r->in_size : 0;
	curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, size);
	curl_easy_setopt(e, CURLOPT_READFUNCTION, http_on_read);
	curl_easy_setopt(e, CURLOPT_READDATA, t);
	/* no CURLOPT_SEEKFUNCTION: curl would send a body again by itself when a reused
	 * connection breaks, to an upload that has its first half already */
	curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER);
}

static void set_method(struct http_transfer *t)
{
	const struct http_request *r = t->r;
	CURL *e = t->easy;
	switch (r->method) {
	case HTTP_GET:
		curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
		break;
	case HTTP_HEAD:
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
		break;
	case HTTP_POST:
		if (r->in_fd >= 0) {
			curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, "POST");
			set_body(t);
			break;
		}
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->form ? r->form : "");
		break;
	case HTTP_DELETE:
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, "DELETE");
		break;
	case HTTP_PATCH:
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, "PATCH");
		__attribute__((fallthrough));
	case HTTP_PUT:
		set_body(t);
		break;
	}
}

static void set_options(struct http_transfer *t)
{
	struct http_request *r = t->r;
	CURL *e = t->easy;
	curl_easy_setopt(e, CURLOPT_URL, r->url);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, r->as_is ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOPROXY, t->http->no_proxy);
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_EXPECT_100_TIMEOUT_MS, 1000L);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->message);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, http_on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, http_on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
	/* Over HTTP/2 a paused blob would be buffered up to its stream window, and all would share
	 * one TCP connection: large ones get a connection each. */
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
		(long)(r->bulk ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
	/* not CURLOPT_RESUME_FROM: that fails where a server without ranges starts again, which
	 * http_range_fits() allows for */
	if (r->out_fd >= 0 && r->out_offset && !r->no_range) {
		char range[32];
		(void)snprintf(range, sizeof(range), "%llu-", (unsigned long long)r->out_offset);
		curl_easy_setopt(e, CURLOPT_RANGE, range);
	}
	if (r->unix_socket) {
		curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
		curl_easy_setopt(e, CURLOPT_PROXY, "");
	}
	/* not the connection on which it stalled: its other end may be gone without a word */
	if (t->anew)
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
	if (!r->unix_socket && !has_proxy()) {
		curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
		curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
	}
	set_tls(e, r->tls);
	set_method(t);
}

int http_start(struct http *h, struct http_request *r, struct err *err)
{
	if (h->n == TRANSFERS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d transfers at a time", TRANSFERS_MAX);
	if (r->out_restart && r->out_offset) {
		if (ftruncate(r->out_fd, 0) < 0 || lseek(r->out_fd, 0, SEEK_SET) < 0)
			return err_sys(err, "cannot begin the file anew");
		r->out_offset = 0;
	}
	size_t max = r->body.max;
	bool anew = r->stalled || r->response.status == HTTP_MISDIRECTED;
	http_request_clear(r);
	buf_init(&r->body, max);
	struct http_transfer *t = xcalloc(1, sizeof(*t));
	*t = (struct http_transfer){.http = h,
		.r = r,
		.easy = curl_easy_init(),
		.anew = anew,
		.moved_ms = clock_ms(),
		.asked_ms = clock_ms()};
	if (!t->easy)
		abort();
	/* curl would send its own Expect and wait a second for servers that do not know it */
	t->headers = curl_slist_append(NULL, "Expect:");
	if (r->headers)
		STRV_FOREACH (header, r->headers)
			t->headers = curl_slist_append(t->headers, *header);
	set_options(t);
	h->t[h->n++] = t;
	r->transfer = t;
	curl_multi_add_handle(h->multi, t->easy);
	return 0;
}

/* What is at an address of our own is asked from there. */
static bool is_own_address(const struct http_transfer *t)
{
	char *from = NULL, *to = NULL;
	curl_easy_getinfo(t->easy, CURLINFO_LOCAL_IP, &from);
	curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &to);
	return from && to && *to && streq(from, to);
}

static void finish(struct http_transfer *t, CURLcode code)
{
	struct http_request *r = t->r;
	struct err err = t->err;
	r->was_here |= is_own_address(t);
	r->response.status = (int)http_status(t);
	if (code != CURLE_OK && !err.code)
		(void)http_failure(t, code, &err);
	static const char *const methods[] = {[HTTP_GET] = "GET",
		[HTTP_HEAD] = "HEAD",
		[HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT",
		[HTTP_PATCH] = "PATCH",
		[HTTP_DELETE] = "DELETE"};
	log_debug("%s %s: %d%s%s", methods[r->method], http_host(r, (char[300]){0}, 300),
		r->response.status, err.code ? " " : "", err.msg);
	transfer_free(t);
	r->done(r, err.code ? &err : NULL);
}

static struct pollfd waited_for(const struct http_transfer *t)
{
	return t->r->in_stream ? (struct pollfd){.fd = t->r->in_fd, .events = POLLIN}
	                       : (struct pollfd){.fd = t->r->out_fd, .events = POLLOUT};
}

/* Goes on with transfers whose pipe has room or bytes again, or nobody at its other end; libcurl's
 * own poll does not tell the latter. */
static void resume_paused(struct http_transfer *const *paused, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct pollfd p = waited_for(paused[i]);
		if (poll(&p, 1, 0) <= 0)
			continue;
		paused[i]->paused = false;
		CURLcode code = curl_easy_pause(paused[i]->easy, CURLPAUSE_CONT);
		if (code != CURLE_OK)
			finish(paused[i], code);
	}
}

/* Those that moved next to nothing for too long. What is told of one may begin and end others. */
static void give_up_stalled(struct http *h)
{
	for (size_t i = 0; i < h->n;) {
		struct http_transfer *t = h->t[i];
		if (!http_stalled(t)) {
			i++;
			continue;
		}
		t->r->stalled = true;
		curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
		finish(t, CURLE_OPERATION_TIMEDOUT);
		i = 0;
	}
}

int http_step(struct http *h, int fd, int ms, bool *ret_readable, struct err *err)
{
	struct curl_waitfd fds[TRANSFERS_MAX + 1];
	struct http_transfer *of[TRANSFERS_MAX + 1];
	unsigned n = 0;
	int running, left;
	for (size_t i = 0; i < h->n; i++) {
		if (!h->t[i]->paused)
			continue;
		struct pollfd p = waited_for(h->t[i]);
		of[n] = h->t[i];
		fds[n++] = (struct curl_waitfd){.fd = p.fd,
			.events = p.events == POLLIN ? CURL_WAIT_POLLIN : CURL_WAIT_POLLOUT};
	}
	fds[n] = (struct curl_waitfd){.fd = fd, .events = CURL_WAIT_POLLIN};
	CURLMcode code = curl_multi_poll(h->multi, fds, n + 1, ms, NULL);
	if (code == CURLM_OK) {
		*ret_readable = fds[n].revents != 0;
		resume_paused(of, n);
		code = curl_multi_perform(h->multi, &running);
	}
	if (code != CURLM_OK)
		return err_set(err, ERR_SYS, "libcurl: %s", curl_multi_strerror(code));
	for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));) {
		if (m->msg != CURLMSG_DONE)
			continue;
		struct http_transfer *t;
		CURLcode result = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, result);
	}
	give_up_stalled(h);
	return 0;
}
