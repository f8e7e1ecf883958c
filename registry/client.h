/* SPDX-License-Identifier: Apache-2.0 */
/* What all requests of mica-remote share: its session's settings, and what it learns of hosts. */
#pragma once
#include "registry/config.h"
#include "registry/credentials.h"
#include "registry/http.h"

#define HOSTS_MAX 256

struct client_opts {
	char *authfile, *creds, *cert_dir, *registries_d; /* or NULL */
	int tls_verify; /* as in struct remote_opts */
	unsigned retries, retry_delay_ms; /* as in struct remote_opts */
	/* one line for the user; may be NULL */
	void (*note)(const char *line);
};

/* One host[:port], and what was learnt of it. */
struct host {
	char *name; /* as dialled */
	char *auth_name; /* whose credentials */
	bool insecure;
	bool plain; /* speaks http */
	bool scheme_known;
	bool here; /* its name leads to this machine */
	bool down; /* it could not be reached: others are asked first */
	bool basic; /* asked for Basic authentication */
	char *realm, *service; /* asked for Bearer */
	char *untold; /* its token service, when that is another owner's */
	struct helper_answers said; /* whose credentials, of helpers */
	unsigned forgotten; /* how often that was asked for anew */
	struct certificates certificates;
	struct http_tls tls;
};

struct exchange;
struct token;

struct client {
	struct http *http;
	struct client_opts opts;
	struct registries registries;
	struct host *hosts[HOSTS_MAX];
	size_t n_hosts;
	struct token *tokens; /* token.c's */
	struct map servers; /* repository -> which of its places had the manifest */
	struct exchange *sleeping;
	struct strv warned; /* what was warned of */
};

int client_init(struct client *c, struct err *err) __attribute__((warn_unused_result));
void client_done(struct client *c);
/* Who is asked for credentials. Borrowed from the client. */
struct credential_places client_credentials(const struct client *c);
/* *ret is the client's. */
int client_host(struct client *c, const struct place *p, struct host **ret, struct err *err)
	__attribute__((warn_unused_result));
/* A line for the user, once. */
void client_warn(struct client *c, const char *line);
/* Lets those whose time has come go on. Milliseconds until the next one, at most max. */
int client_wake(struct client *c, int max);
void client_no_longer_wakes(struct client *c, const struct exchange *x);
