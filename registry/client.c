/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "registry/exchange.h"

#define WARNINGS_MAX 16 /* that are shown */

int client_init(struct client *c, struct err *err)
{
	return http_new(&c->http, err);
}

static void host_free(struct host *h)
{
	free(h->name);
	free(h->auth_name);
	free(h->realm);
	free(h->untold);
	free(h->service);
	helper_answers_forget(&h->said);
	certificates_done(&h->certificates);
	free(h);
}

void client_done(struct client *c)
{
	tokens_free(c);
	http_free(c->http);
	for (size_t i = 0; i < c->n_hosts; i++)
		host_free(c->hosts[i]);
	registries_done(&c->registries);
	map_done(&c->servers);
	strv_done(&c->warned);
	free(c->opts.authfile);
	free(c->opts.cert_dir);
	free(c->opts.registries_d);
	if (c->opts.creds)
		explicit_bzero(c->opts.creds, strlen(c->opts.creds));
	free(c->opts.creds);
}

void client_warn(struct client *c, const char *line)
{
	if (!c->opts.note || c->warned.n == WARNINGS_MAX || strv_has(&c->warned, line))
		return;
	strv_add(&c->warned, line);
	c->opts.note(line);
}

struct credential_places client_credentials(const struct client *c)
{
	return (struct credential_places){
		.authfile = c->opts.authfile, .helpers = &c->registries.helpers};
}

int client_host(struct client *c, const struct place *p, struct host **ret, struct err *err)
{
	bool insecure = !p->verified &&
	                (c->opts.tls_verify == 0 || (c->opts.tls_verify < 0 && p->insecure));
	for (size_t i = 0; i < c->n_hosts; i++) {
		struct host *h = c->hosts[i];
		if (streq(h->name, p->host) && streq(h->auth_name, p->auth_host) &&
			h->insecure == insecure) {
			*ret = h;
			return 0;
		}
	}
	if (c->n_hosts == HOSTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d registry hosts", HOSTS_MAX);
	struct certificates certificates;
	int r = certificates_load(c->opts.cert_dir, p->auth_host, &certificates, err);
	if (r < 0)
		return r;
	struct host *h = xcalloc(1, sizeof(*h));
	*h = (struct host){.name = xstrdup(p->host),
		.auth_name = xstrdup(p->auth_host),
		.insecure = insecure,
		.certificates = certificates};
	h->scheme_known = !insecure;
	h->tls = (struct http_tls){.insecure = insecure,
		.ca_pem = h->certificates.ca_pem,
		.cert_file = h->certificates.cert_file,
		.key_file = h->certificates.key_file};
	c->hosts[c->n_hosts++] = h;
	*ret = h;
	return 0;
}

void client_no_longer_wakes(struct client *c, const struct exchange *x)
{
	for (struct exchange **p = &c->sleeping; *p; p = &(*p)->next) {
		if (*p == x) {
			*p = x->next;
			return;
		}
	}
}

int client_wake(struct client *c, int max)
{
	uint64_t now = clock_ms();
	for (struct exchange *x = c->sleeping, *next; x; x = next) {
		next = x->next;
		if (x->wake_ms > now)
			continue;
		client_no_longer_wakes(c, x);
		exchange_continue(x);
		next = c->sleeping;
	}
	for (const struct exchange *x = c->sleeping; x; x = x->next)
		if (x->wake_ms < now + (uint64_t)max)
			max = x->wake_ms > now ? (int)(x->wake_ms - now) : 0;
	return max;
}
