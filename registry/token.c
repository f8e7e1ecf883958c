/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Basic authentication, and bearer tokens with the cache of them (distribution's "Token
 * Authentication Specification"; OAuth2 for identity tokens).
 *
 * We ask for the scopes that we need, not for those that the registry names. The token service must
 * be https, unless the registry itself is plain http by configuration. It sees credentials only
 * when it belongs to the registry's owner (url_same_owner), or registries.conf says so; another one
 * is asked anonymously.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/exchange.h"
#include "registry/exposed.h"

#define TOKEN_MAX (1 * MIB)
#define EXPIRES_DEFAULT_S 60 /* as the specification says */
#define EXPIRES_MIN_S 10
#define EXPIRES_MARGIN_S 5 /* renewed a little early */
#define EXPIRES_MAX_S 86400
#define CLIENT_ID "mica"
#define REFUSALS_MAX 2 /* no token yet, and one that was too old */

struct token {
	struct token *next;
	struct client *client;
	char *key;
	char *value; /* NULL while it is fetched */
	uint64_t expires_ms;
	struct exchange *waiting;
	struct exchange fetch;
	char *form;
	unsigned knew; /* as an exchange's, when a helper said it for another request; else 0 */
	bool fetching;
};

static void token_free(struct token *t)
{
	exchange_done(&t->fetch);
	if (t->value)
		explicit_bzero(t->value, strlen(t->value));
	if (t->form)
		explicit_bzero(t->form, strlen(t->form));
	free(t->value);
	free(t->form);
	free(t->key);
	free(t);
}

static void token_remove(struct client *c, struct token *t)
{
	for (struct token **p = &c->tokens; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			break;
		}
	}
	token_free(t);
}

void tokens_free(struct client *c)
{
	while (c->tokens)
		token_remove(c, c->tokens);
}

void tokens_forget_waiting(struct client *c, const struct exchange *x)
{
	for (struct token *t = c->tokens; t; t = t->next)
		for (struct exchange **p = &t->waiting; *p;)
			if (*p == x)
				*p = x->next;
			else
				p = &(*p)->next;
}

static void warn_if_exposed(struct client *c, const char *path)
{
	if (!file_is_exposed(path))
		return;
	AUTO_FREE char *line =
		xasprintf("others can read the credentials in '%s': 'chmod 600' it", path);
	client_warn(c, line);
}

static int get_credentials(struct exchange *x, struct credentials *ret, struct err *err)
{
	const struct client_opts *o = &x->client->opts;
	AUTO_FREE char *path = NULL;
	if (x->login) {
		*ret = (struct credentials){
			.user = xstrdup(x->login->user), .password = xstrdup(x->login->password)};
		return 0;
	}
	if (o->creds && !x->mirror)
		return credentials_split(o->creds, ret, err);
	const struct credential_places places = client_credentials(x->client);
	int r = credentials_find(
		&places, x->host->auth_name, x->repository, &x->host->said, ret, &path, err);
	if (r == 0 && !ret->of_helper)
		warn_if_exposed(x->client, path);
	return r;
}

/* Which of a helper's answers these are. */
static unsigned known_as(const struct host *h, const struct credentials *c)
{
	return c->of_helper ? h->forgotten + 1 : 0;
}

/* It was refused, and may have expired: the helper is asked anew, once for all that used it. */
static void forget_said(struct host *h, unsigned knew)
{
	if (knew != h->forgotten + 1)
		return;
	helper_answers_forget(&h->said);
	h->forgotten++;
}

static void add_basic(struct strv *headers, const struct credentials *c)
{
	AUTO_FREE char *plain = xasprintf("%s:%s", c->user, c->password);
	AUTO_FREE char *encoded = base64_encode(plain, strlen(plain));
	strv_addf(headers, "Authorization: Basic %s", encoded);
	explicit_bzero(plain, strlen(plain));
	explicit_bzero(encoded, strlen(encoded));
}

static char *token_key(const struct exchange *x)
{
	return xasprintf("%s %s %s %s", x->host->auth_name, x->host->realm,
		x->host->service ? x->host->service : "", x->scope ? x->scope : "");
}

static struct token *token_find(struct client *c, const char *key)
{
	for (struct token *t = c->tokens; t; t = t->next)
		if (streq(t->key, key))
			return t;
	return NULL;
}

/* A header is one line of printable characters: a token that is not cannot end ours early. */
static bool is_header_text(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static int parse_token(struct token *t, const struct buf *body, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	const char *value = NULL, *access = NULL, what[] = "answer of the token service";
	int64_t expires = 0;
	if (json_parse(buf_str(body), body->len, what, &j, err) < 0 ||
		json_get_string(j, what, "token", &value, err) < 0 ||
		json_get_string(j, what, "access_token", &access, err) < 0 ||
		json_get_int(j, what, "expires_in", &expires, err) < 0)
		return err->code;
	if (!value || !*value)
		value = access;
	if (!value || !*value || !is_header_text(value))
		return err_set(err, ERR_AUTH, "token service gave no usable token");
	if (expires <= 0)
		expires = EXPIRES_DEFAULT_S;
	if (expires > EXPIRES_MAX_S)
		expires = EXPIRES_MAX_S;
	expires = expires - EXPIRES_MARGIN_S < EXPIRES_MIN_S ? EXPIRES_MIN_S
	                                                     : expires - EXPIRES_MARGIN_S;
	t->value = xstrdup(value);
	t->expires_ms = clock_ms() + (uint64_t)expires * 1000;
	return 0;
}

static int token_fetch(struct token *t, struct exchange *x, struct err *err);

/* What a helper said for an earlier request may have expired since. err is set when it cannot be
 * asked. */
static bool fetch_anew(struct token *t, struct err *err)
{
	struct exchange *x = t->waiting;
	if (!t->knew || !x || !x->host->realm)
		return false;
	forget_said(x->host, t->knew);
	exchange_done(&t->fetch);
	if (t->form)
		explicit_bzero(t->form, strlen(t->form));
	mem_free_p(&t->form);
	return token_fetch(t, x, err) == 0;
}

static void on_token(struct exchange *fetch, const struct err *failure)
{
	struct token *t = fetch->arg;
	struct err err = ERR_INIT;
	int status = fetch->http.response.status;
	bool refused = !failure && (status == 401 || status == 403);
	t->fetching = false;
	if (refused && fetch_anew(t, &err))
		return;
	if (failure)
		err = *failure;
	else if (refused && !err.code && t->waiting && t->waiting->host->untold)
		(void)exchange_untold(t->waiting, ERR_AUTH, "", &err);
	else if (refused && !err.code)
		(void)err_set(&err, ERR_AUTH, "token service refuses the credentials");
	else if (!refused && status != 200)
		(void)exchange_error(fetch, &err);
	else if (!refused)
		(void)parse_token(t, &fetch->http.body, &err);
	if (fetch->http.body.data)
		explicit_bzero(fetch->http.body.data, fetch->http.body.len);
	if (err.code)
		(void)err_wrap(&err, "cannot get a token");
	struct exchange *x = t->waiting;
	t->waiting = NULL;
	exchange_done(fetch);
	if (err.code)
		token_remove(t->client, t);
	while (x) {
		struct exchange *next = x->next;
		if (err.code)
			exchange_fail(x, &err);
		else
			exchange_continue(x);
		x = next;
	}
}

static void add_query(struct buf *b, char *separator, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	if (*separator)
		buf_addch(b, *separator);
	buf_addf(b, "%s=", name);
	url_escape(b, value);
	*separator = '&';
}

/* Several scopes are separated by blanks; each is a parameter of its own. */
static void add_scopes(struct buf *b, char *separator, const char *scope)
{
	AUTO_STRV struct strv scopes = STRV_INIT;
	if (scope)
		strv_split(&scopes, scope, ' ');
	STRV_FOREACH (s, &scopes)
		add_query(b, separator, "scope", *s);
}

static void ask_with_identity_token(
	struct token *t, struct exchange *x, const struct credentials *c)
{
	AUTO_BUF struct buf form = BUF_INIT(128 * KIB);
	char separator = '\0';
	add_query(&form, &separator, "grant_type", "refresh_token");
	add_query(&form, &separator, "service", x->host->service);
	add_query(&form, &separator, "client_id", CLIENT_ID);
	add_query(&form, &separator, "scope", x->scope);
	add_query(&form, &separator, "refresh_token", c->identity_token);
	t->form = buf_take(&form);
	t->fetch.http.method = HTTP_POST;
	t->fetch.http.form = t->form;
}

static char *token_url(const struct exchange *x, const struct url *realm, const char *user)
{
	AUTO_FREE char *base = url_str(realm);
	AUTO_BUF struct buf url = BUF_INIT(2 * URL_MAX);
	char separator = strchr(base, '?') ? '&' : '?';
	buf_addstr(&url, base);
	add_query(&url, &separator, "account", user);
	add_query(&url, &separator, "service", x->host->service);
	add_scopes(&url, &separator, x->scope);
	return buf_take(&url);
}

static int check_realm(
	const struct exchange *x, const struct url *realm, const char *registry, struct err *err)
{
	if (!realm->https && !x->host->plain)
		return err_set(err, ERR_DENIED,
			"token service of '%s' is not https, which is refused", x->host->name);
	if (url_host_is_local(realm->host) && !url_host_is_local(registry))
		return err_set(err, ERR_DENIED,
			"token service of '%s' is said to be on this machine, which is refused",
			x->host->name);
	return 0;
}

/* Whose settings the service's TLS has: the registry's on the same host, else its own.
 * CVE-2019-10214. */
static int realm_host(const struct exchange *x, const struct url *realm, const char *registry,
	struct host **ret, struct err *err)
{
	AUTO_FREE char *origin = url_origin(realm);
	char *name = strstr(origin, "://") + 3;
	bool same = streq(realm->host, registry);
	struct place p = {.host = name,
		.auth_host = name,
		.insecure = same && x->host->insecure,
		.verified = !same};
	int r = client_host(x->client, &p, ret, err);
	if (r == 0 && !realm->https) {
		(*ret)->plain = true;
		(*ret)->scheme_known = true;
	}
	return r;
}

static int token_fetch(struct token *t, struct exchange *x, struct err *err)
{
	AUTO_URL struct url realm = {0};
	AUTO_CREDENTIALS struct credentials c = {0};
	AUTO_FREE char *registry_url = xasprintf("https://%s/", x->host->name);
	AUTO_URL struct url registry = {0};
	if (url_parse(x->host->realm, &realm, err) < 0)
		return err_wrap(err, "token service of '%s'", x->host->name);
	if (url_parse(registry_url, &registry, err) < 0 ||
		check_realm(x, &realm, registry.host, err) < 0)
		return err->code;
	bool owned = url_same_owner(registry.host, realm.host) ||
	             registries_trust(&x->client->registries, x->host->auth_name, realm.host);
	bool reused = x->host->said.n;
	mem_replace(&x->host->untold, owned ? NULL : xstrdup(realm.host));
	if (!owned && x->login)
		return exchange_untold(x, ERR_DENIED, "", err);
	int r = owned ? get_credentials(x, &c, err) : ERR_NOT_FOUND;
	if (r < 0 && r != ERR_NOT_FOUND)
		return r;
	t->knew = reused ? known_as(x->host, &c) : 0;
	if (!owned)
		log_debug("token service %s does not belong to %s and is asked anonymously",
			realm.host, registry.host);
	err_clear(err);
	struct exchange *f = &t->fetch;
	*f = (struct exchange){.client = x->client,
		.auth = AUTH_NONE,
		.abroad = !x->host->here && !url_host_is_local(registry.host) &&
	                  !streq(registry.host, realm.host),
		.patient = x->patient,
		.done = on_token,
		.arg = t};
	f->http.method = HTTP_GET;
	f->http.in_fd = f->http.out_fd = -1;
	f->http.body.max = TOKEN_MAX;
	r = realm_host(x, &realm, registry.host, &f->host, err);
	if (r < 0)
		return r;
	if (c.identity_token) {
		f->url = url_str(&realm);
		ask_with_identity_token(t, x, &c);
	} else {
		f->url = token_url(x, &realm, c.user);
		if (c.user)
			add_basic(&f->headers, &c);
	}
	t->fetching = true;
	exchange_start(f);
	return 0;
}

static int authorize_bearer(struct exchange *x, struct strv *headers, struct err *err)
{
	AUTO_FREE char *key = token_key(x);
	struct token *t = token_find(x->client, key);
	if (t && t->value && t->expires_ms > clock_ms()) {
		strv_addf(headers, "Authorization: Bearer %s", t->value);
		return 0;
	}
	if (t && t->fetching) {
		x->next = t->waiting;
		t->waiting = x;
		return 1;
	}
	if (t)
		token_remove(x->client, t);
	t = xcalloc(1, sizeof(*t));
	*t = (struct token){
		.client = x->client, .key = take(key), .next = x->client->tokens, .waiting = x};
	x->next = NULL;
	x->client->tokens = t;
	int r = token_fetch(t, x, err);
	if (r < 0) {
		t->waiting = NULL;
		token_remove(x->client, t);
		return r;
	}
	return 1;
}

int token_authorize(struct exchange *x, struct strv *headers, struct err *err)
{
	if (x->host->realm)
		return authorize_bearer(x, headers, err);
	if (!x->host->basic)
		return 0;
	AUTO_CREDENTIALS struct credentials c = {0};
	int r = get_credentials(x, &c, err);
	if (r == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	if (r == 0 && c.user)
		add_basic(headers, &c);
	if (r == 0)
		x->knew = known_as(x->host, &c);
	return r;
}

int token_challenged(struct exchange *x, struct err *err)
{
	const struct challenges *all = &x->http.response.challenges;
	const struct challenge *bearer = challenges_find(all, "bearer"),
			       *basic = challenges_find(all, "basic");
	struct host *h = x->host;
	bool had_one = h->realm || h->basic;
	if (++x->refusals > REFUSALS_MAX || (!bearer && !basic) || (h->basic && x->refusals > 1))
		return exchange_error(x, err);
	if (bearer && bearer->realm) {
		if (had_one && h->realm) {
			AUTO_FREE char *key = token_key(x);
			struct token *t = token_find(x->client, key);
			if (t && !t->fetching)
				token_remove(x->client, t);
		}
		mem_replace(&h->realm, xstrdup(bearer->realm));
		mem_replace(&h->service, bearer->service ? xstrdup(bearer->service) : NULL);
		h->basic = false; /* behind one name there may be both */
		return 0;
	}
	AUTO_CREDENTIALS struct credentials c = {0};
	forget_said(h, x->knew);
	int r = get_credentials(x, &c, err);
	if (r == ERR_NOT_FOUND || (r == 0 && !c.user))
		return exchange_error(x, err);
	h->basic = true;
	mem_replace(&h->realm, NULL);
	return r;
}
