/* SPDX-License-Identifier: Apache-2.0 */
/* What the user is told of an answer that is not the one hoped for, or of none. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "registry/exchange.h"

#define MESSAGE_SHOWN_MAX 300 /* of what a registry says */

int exchange_remedy(const struct exchange *x, struct err *err)
{
	const struct host *h = x->host;
	if (x->http.no_tls)
		return err_set(err, err->code,
			"cannot reach %s: it speaks plain HTTP where HTTPS is expected; "
			"'--tls-verify=false', or 'insecure = true' for it in registries.conf, "
			"allows that",
			h->name);
	if (!x->http.unknown_authority && !x->http.bad_authorities && !x->http.wants_certificate)
		return err->code;
	struct err why = *err;
	if (x->http.bad_authorities) {
		AUTO_FREE char *read = strv_join(&h->certificates.ca_files, "' or '");
		return err_set(err, why.code,
			"cannot reach %s: '%s' is no certificate, or a damaged one (%s)", h->name,
			read, why.msg);
	}
	if (x->http.wants_certificate) {
		AUTO_FREE char *dir = certificates_dir(x->client->opts.cert_dir, h->auth_name);
		return err_set(err, why.code, "%s: NAME.cert and NAME.key in %s%s", why.msg,
			dir ? dir : "/etc/containers/certs.d/", dir ? "" : h->auth_name);
	}
	AUTO_FREE char *files = certificates_ca_files(x->client->opts.cert_dir, h->auth_name);
	return err_set(err, why.code, "%s; an authority that is to be trusted for it belongs in %s",
		why.msg, files);
}

char *exchange_said(const struct buf *body)
{
	AUTO_JSON struct json *j = NULL;
	struct err ignored = ERR_INIT;
	if (body->len == 0 || json_parse(buf_str(body), body->len, "error", &j, &ignored) < 0)
		return NULL;
	const struct json *first = json_at(json_get(j, "errors"), 0);
	const char *text = json_text(json_get(first, "message"));
	if (!text || !*text)
		text = json_text(json_get(first, "code"));
	static const char *const others[] = {"details", "message", "error"};
	for (size_t i = 0; i < ARRAY_LEN(others) && (!text || !*text); i++)
		text = json_text(json_get(j, others[i]));
	if (!text || !*text)
		return NULL;
	char *copy = xstrndup(text, MESSAGE_SHOWN_MAX);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return copy;
}

/* Those who are known are allowed more, and a mirror's requests do not count. */
static int rate_limit_error(const struct exchange *x, const char *tail, struct err *err)
{
	unsigned wait_s = x->http.response.retry_after_s;
	AUTO_FREE char *when = wait_s ? xasprintf(" for the next %u s", wait_s) : xstrdup("");
	return err_set(err, ERR_NETWORK,
		"%s allows no more requests%s (status 429)%s; wait, use `mica login %s` for a "
		"higher limit, or add a mirror to registries.conf",
		x->host->name, when, tail, x->host->auth_name);
}

int exchange_untold(const struct exchange *x, int code, const char *tail, struct err *err)
{
	const char *service = x->host->untold, *name = x->host->name;
	return err_set(err, code,
		"authentication required%s, but no credentials are sent to its token service '%s': "
		"that is not known to belong to the owner of '%s'; if you trust it, write "
		"'token-service = \"%s\"' for '%s' into registries.conf",
		tail, service, name, service, x->host->auth_name);
}

int exchange_error(const struct exchange *x, struct err *err)
{
	int status = x->http.response.status;
	AUTO_FREE char *said = exchange_said(&x->http.body);
	AUTO_FREE char *tail = said ? xasprintf(" (registry says: %s)", said) : xstrdup("");
	if (status == 404)
		return err_set(err, ERR_NOT_FOUND, "not found%s", tail);
	if (status == 401 && x->host->untold)
		return exchange_untold(x, ERR_AUTH, tail, err);
	if (status == 401 && x->client->opts.creds && !x->mirror)
		return err_set(err, ERR_AUTH, "the credentials of '--creds' are refused%s", tail);
	if (status == 401)
		return err_set(err, ERR_AUTH, "authentication required%s; try `mica login %s`",
			tail, x->host->auth_name);
	if (status == 403)
		return err_set(err, ERR_DENIED, "access denied%s", tail);
	if (status == 429)
		return rate_limit_error(x, tail, err);
	return err_set(err, status >= 500 ? ERR_NETWORK : ERR_DENIED,
		"%s answered with status %d%s", x->host->name, status, tail);
}
