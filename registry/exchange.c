/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a request: when it is sent, sent again or elsewhere, when its answer is final. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/exchange.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 20000
#define WAIT_MAX_S 120 /* when asked for more we would rather fail */
#define PROGRESS_MIN (1 * MIB)
#define NOTE_MS 2000 /* shorter waits are not worth a line */
#define WARNING_SHOWN_MAX 300

void exchange_done(struct exchange *x)
{
	if (x->client) {
		http_cancel(x->client->http, &x->http);
		client_no_longer_wakes(x->client, x);
		tokens_forget_waiting(x->client, x);
	}
	http_request_clear(&x->http);
	STRV_FOREACH (header, &x->sent_headers)
		explicit_bzero(*header, strlen(*header));
	strv_done(&x->sent_headers);
	strv_done(&x->headers);
	free(x->url);
	free(x->sent_url);
	free(x->first_url);
	*x = (struct exchange){0};
}

void exchange_fail(struct exchange *x, const struct err *err)
{
	x->done(x, err);
}

static int base_url(const struct host *h, struct url *ret, struct err *err)
{
	AUTO_FREE char *text = xasprintf("%s://%s/", h->plain ? "http" : "https", h->name);
	if (url_parse(text, ret, err) < 0)
		return err_set(err, ERR_INVALID, "'%s' is not a valid registry host", h->name);
	return 0;
}

/* Starts the HTTP request; the address may have changed by a redirect, so all is decided anew:
 * which TLS settings, and whether we may say who we are. */
static int send_request(struct exchange *x, struct err *err)
{
	AUTO_URL struct url base = {0}, url = {0};
	if (base_url(x->host, &base, err) < 0 || url_resolve(&base, x->url, &url, err) < 0)
		return err->code;
	bool home = url_same_origin(&base, &url);
	STRV_FOREACH (header, &x->sent_headers)
		explicit_bzero(*header, strlen(*header));
	strv_copy(&x->sent_headers, &x->headers);
	x->home = home && !x->strayed;
	if (x->home && x->authorization)
		strv_add(&x->sent_headers, x->authorization);
	if (x->home && x->auth == AUTH_REGISTRY) {
		int r = token_authorize(x, &x->sent_headers, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	mem_replace(&x->sent_url, url_str(&url));
	x->http.url = x->sent_url;
	x->http.headers = &x->sent_headers;
	/* another host gets neither our client certificate nor the leniency that was configured for
	 * this one */
	x->http.tls = home || streq(base.host, url.host) ? &x->host->tls : NULL;
	x->http.not_here = x->abroad || (!home && !x->host->here && !url_host_is_local(base.host));
	return http_start(x->client->http, &x->http, err);
}

void exchange_continue(struct exchange *x)
{
	struct err err = ERR_INIT;
	if (send_request(x, &err) < 0)
		x->done(x, &err);
}

static unsigned backoff_ms(unsigned failures)
{
	unsigned ms = BACKOFF_FIRST_MS << (failures < 8 ? failures : 8);
	uint16_t random = 0;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = 0;
	return ms / 2 + ms * random / (2 * UINT16_MAX);
}

static void sleep_first(
	struct exchange *x, unsigned failures, unsigned retry_after_s, const char *why)
{
	unsigned asked = retry_after_s < WAIT_MAX_S ? retry_after_s * 1000 : WAIT_MAX_S * 1000;
	unsigned ms = backoff_ms(failures);
	if (x->client->opts.retry_delay_ms)
		ms = x->client->opts.retry_delay_ms;
	if (asked > ms)
		ms = asked;
	x->wake_ms = clock_ms() + ms;
	x->next = x->client->sleeping;
	x->client->sleeping = x;
	log_debug("trying again in %u ms", ms);
	/* who chose the delay hears of it */
	if (!x->client->opts.note || (ms < NOTE_MS && !x->client->opts.retry_delay_ms))
		return;
	AUTO_FREE char *line =
		ms < NOTE_MS ? xasprintf("%s: %s; retrying in %u ms (%u/%u)", x->host->name, why,
				       ms, failures + 1, x->client->opts.retries)
			     : xasprintf("%s: %s; trying again in %u s", x->host->name, why,
				       (ms + 999) / 1000);
	x->client->opts.note(line);
}

/* What it was redirected to may have been for a short while only: the registry is asked again. */
static void forget_redirects(struct exchange *x)
{
	if (x->first_url)
		mem_replace(&x->url, take(x->first_url));
	x->redirects = 0;
	x->strayed = false;
}

/* False when it was tried often enough, or would take too long. */
static bool retry_later(struct exchange *x, const char *why)
{
	/* a large blob may take more than a few connections: each that moves it on is a success */
	if (x->http.out_offset >= x->failed_at + PROGRESS_MIN)
		x->failures = 0;
	if (x->http.out_offset > x->failed_at)
		x->failed_at = x->http.out_offset;
	if (x->once || x->failures >= x->client->opts.retries ||
		x->http.response.retry_after_s > WAIT_MAX_S)
		return false;
	sleep_first(x, x->failures++, x->http.response.retry_after_s, why);
	forget_redirects(x);
	return true;
}

static int follow(struct exchange *x, struct err *err)
{
	AUTO_URL struct url base = {0}, from = {0}, to = {0};
	if (++x->redirects > REDIRECTS_MAX)
		return err_set(err, ERR_DENIED, "%s redirects more than %d times", x->host->name,
			REDIRECTS_MAX);
	if (base_url(x->host, &base, err) < 0 || url_parse(x->sent_url, &from, err) < 0)
		return err->code;
	if (url_resolve(&from, x->http.response.location, &to, err) < 0)
		return err_wrap(err, "%s redirects to an address that is refused", x->host->name);
	if (from.https && !to.https)
		return err_set(err, ERR_DENIED, "%s redirects from https to http, which is refused",
			x->host->name);
	if (url_host_is_local(to.host) && !url_host_is_local(base.host))
		return err_set(err, ERR_DENIED,
			"%s redirects to '%s' on this machine, which is refused", x->host->name,
			to.host);
	x->strayed |= !url_same_origin(&base, &to);
	if (!x->first_url)
		x->first_url = take(x->url);
	mem_replace(&x->url, url_str(&to));
	return send_request(x, err);
}

/* 421: on another connection, which it gets (RFC 9110, 15.5.20) */
static bool may_pass(int status)
{
	return status == 408 || status == HTTP_MISDIRECTED || status == 429 || status == 500 ||
	       status == 502 || status == 503 || status == 504;
}

/* 1: it goes on; 0: this is the answer; negative: it cannot go on. */
static int judge_response(struct exchange *x, struct err *err)
{
	const struct http_response *resp = &x->http.response;
	x->host->scheme_known = true;
	x->host->down = false;
	if (may_pass(resp->status)) {
		AUTO_FREE char *why = resp->status == 429
		                              ? xstrdup("too many requests (status 429)")
		                              : xasprintf("status %d", resp->status);
		return retry_later(x, why);
	}
	if (resp->status == 401 && x->auth == AUTH_REGISTRY && x->home && x->redirects == 0) {
		if (token_challenged(x, err) < 0)
			return err->code;
		return send_request(x, err) < 0 ? err->code : 1;
	}
	if (resp->status == 416 && x->http.out_offset && !x->http.no_range) {
		x->http.no_range = true;
		forget_redirects(x);
		return send_request(x, err) < 0 ? err->code : 1;
	}
	bool redirect = resp->status == 301 || resp->status == 302 || resp->status == 303 ||
	                resp->status == 307 || resp->status == 308;
	if (redirect && x->follow && resp->location)
		return follow(x, err) < 0 ? err->code : 1;
	return 0;
}

/* Without an answer. As judge_response(). */
static int judge_failure(struct exchange *x, struct err *err)
{
	const struct http_request *http = &x->http;
	struct host *h = x->host;
	if (http->unreachable && h->insecure && x->url[0] == '/' &&
		str_has_prefix(x->sent_url, "https:") && (!h->scheme_known || h->plain)) {
		/* What is configured insecure is tried with TLS first, then without. */
		h->plain = true;
		return send_request(x, err) < 0 ? err->code : 1;
	}
	if (http->unreachable && x->url[0] == '/') {
		h->down = true;
		h->plain = h->scheme_known && h->plain; /* the next try is with TLS again */
	}
	/* all that was wanted came, and then the connection broke: whoever asked knows */
	bool whole = http->out_fd >= 0 && http->out_offset == http->out_max;
	bool again = err->code == ERR_NETWORK && !http->reader_gone && !http->permanent && !whole &&
	             (!http->unreachable || x->patient);
	if (again && retry_later(x, err->msg))
		return 1;
	return x->url[0] == '/' ? exchange_remedy(x, err) : err->code;
}

/* distribution-spec "Warnings": each once. */
static void tell_warnings(struct exchange *x)
{
	if (!x->home || x->auth != AUTH_REGISTRY)
		return;
	STRV_FOREACH (text, &x->http.response.warnings) {
		AUTO_FREE char *line =
			xasprintf("%s warns: %.*s", x->host->name, WARNING_SHOWN_MAX, *text);
		client_warn(x->client, line);
	}
}

static void on_http_done(struct http_request *http, const struct err *failure)
{
	struct exchange *x = http->transfer_arg;
	struct err err = ERR_INIT;
	int r;
	/* also when it is asked on a connection that was there; of others than the host it tells
	 * nothing */
	x->host->here |= http->was_here && !http->not_here && x->home;
	if (!failure) {
		tell_warnings(x);
		r = judge_response(x, &err);
	} else {
		err = *failure;
		r = judge_failure(x, &err);
	}
	if (r <= 0)
		x->done(x, r < 0 ? &err : NULL);
}

void exchange_start(struct exchange *x)
{
	x->http.done = on_http_done;
	x->http.transfer_arg = x;
	exchange_continue(x);
}

void exchange_start_later(struct exchange *x, unsigned failures, unsigned retry_after_s)
{
	x->http.done = on_http_done;
	x->http.transfer_arg = x;
	sleep_first(x, failures, retry_after_s, "the upload broke");
}

bool exchange_may_pass(const struct exchange *x, const struct err *failure)
{
	return failure ? failure->code == ERR_NETWORK && !x->http.permanent
	               : may_pass(x->http.response.status);
}
