/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one of the places of a repository is asked with, where each setting comes from, and what it
 * answers: `mica registry check`. That it cannot be reached is an answer too.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "registry/credentials.h"
#include "registry/exposed.h"
#include "registry/operation_internal.h"

static void say_credentials(const struct operation *op, struct json *j)
{
	const struct place *p = operation_place(op);
	const struct credential_places places = client_credentials(op->client);
	AUTO_CREDENTIALS struct credentials c = {0};
	AUTO_FREE char *from = NULL;
	struct err err = ERR_INIT;
	if (op->client->opts.creds && !op->x.mirror) {
		json_set_string(j, "credentials", "of --creds");
		return;
	}
	int r = credentials_find(&places, p->auth_host, p->repository, NULL, &c, &from, &err);
	bool seen = r == 0 && !c.of_helper && file_is_exposed(from);
	const char *exposed = seen ? ", which others can read" : "";
	AUTO_FREE char *text =
		r == ERR_NOT_FOUND ? xstrdup("none")
		: r < 0            ? xasprintf("cannot be had: %s", err.msg)
			: xasprintf("%s of %s%s", c.user ? c.user : "an identity token", from,
				  exposed);
	json_set_string(j, "credentials", text);
}

static void say_settings(const struct operation *op, struct json *j)
{
	const struct place *p = operation_place(op);
	const struct host *h = op->x.host;
	AUTO_FREE char *files = strv_join(&op->client->registries.files, ", ");
	AUTO_FREE char *dir = certificates_dir(op->client->opts.cert_dir, p->auth_host);
	json_set_string(j, "configuration", *files ? files : "no registries.conf");
	json_set_string(j, "host", p->host);
	json_set(j, "mirror", json_new_bool(op->place + 1 < op->places.n));
	json_set_string(j, "connection",
		h->plain      ? "plain HTTP, as it is configured insecure"
		: h->insecure ? "HTTPS, certificate not verified"
			      : "HTTPS, certificate verified");
	AUTO_FREE char *certificates =
		!dir ? xstrdup("the system's")
		     : xasprintf("%s%s%s", dir, h->tls.ca_pem ? ", with an authority" : "",
			       h->tls.cert_file ? ", with a client's" : "");
	json_set_string(j, "certificates", certificates);
	say_credentials(op, j);
}

static void got_answer(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT;
	AUTO_JSON struct json *j = operation_reply(op);
	int r = operation_check(x, failure, 0, &err);
	operation_say_place(op, j);
	say_settings(op, j);
	json_set(j, "reached", json_new_bool(r == 0));
	json_set_string(j, "answer", r == 0 ? "good" : err.msg);
	operation_succeed(op, j);
}

int check_start(struct operation *op, struct err *err)
{
	if (op->size >= op->places.n)
		return err_set(err, ERR_NOT_FOUND, "there are no more places");
	op->place = op->size;
	int r = operation_prepare(op, HTTP_GET, "pull", xstrdup("/v2/"), err);
	if (r < 0)
		return r;
	op->x.scope = NULL; /* only who we are, nothing of anybody's */
	op->x.once = true;
	op->x.done = got_answer;
	exchange_start(&op->x);
	return 0;
}
