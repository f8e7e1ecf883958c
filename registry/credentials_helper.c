/* SPDX-License-Identifier: Apache-2.0 */
/* What a credential helper says and keeps, in the form of docker-credential-helpers. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "registry/credentials_internal.h"

/* What it said of a server. */
struct helper_answer {
	char *helper, *server;
	struct err why; /* code 0: credentials */
	struct credentials credentials;
};

const char *credentials_docker_key(const char *key)
{
	return streq(key, "docker.io") ? "https://index.docker.io/v1/" : key;
}

char *credentials_helper_name(const char *helper)
{
	return xasprintf("credential helper: %s", helper);
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void credentials_copy(struct credentials *ret, const struct credentials *from)
{
	*ret = (struct credentials){.user = copy(from->user),
		.password = copy(from->password),
		.identity_token = copy(from->identity_token),
		.of_helper = from->of_helper};
}

static int ask(const char *helper, const char *server, struct credentials *ret, struct err *err)
{
	AUTO_FREE char *output = NULL;
	int r = auth_helper_run(helper, "get", server, &output, err);
	if (r < 0)
		return r;
	AUTO_JSON struct json *j = NULL;
	const char *user = NULL, *secret = NULL;
	if (json_parse(output, strlen(output), "answer", &j, err) < 0 ||
		json_get_string(j, "answer", "Username", &user, err) < 0 ||
		json_get_string(j, "answer", "Secret", &secret, err) < 0 || !user || !*user ||
		!secret)
		return err_set(err, ERR_AUTH,
			"docker-credential-%s gave no user name and secret for '%s'", helper,
			server);
	/* docker-credential-helpers: this user name marks an identity token */
	if (streq(user, "<token>"))
		*ret = (struct credentials){.identity_token = xstrdup(secret)};
	else
		*ret = (struct credentials){.user = xstrdup(user), .password = xstrdup(secret)};
	ret->of_helper = true;
	explicit_bzero(output, strlen(output));
	return 0;
}

void helper_answers_forget(struct helper_answers *said)
{
	for (size_t i = 0; i < said->n; i++) {
		credentials_done(&said->a[i].credentials);
		free(said->a[i].helper);
		free(said->a[i].server);
	}
	free(said->a);
	*said = (struct helper_answers){0};
}

static const struct helper_answer *answer_of(
	struct helper_answers *said, const char *helper, const char *server)
{
	for (size_t i = 0; i < said->n; i++)
		if (streq(said->a[i].helper, helper) && streq(said->a[i].server, server))
			return &said->a[i];
	said->a = xreallocarray(said->a, said->n + 1, sizeof(*said->a));
	struct helper_answer *a = &said->a[said->n++];
	*a = (struct helper_answer){.helper = xstrdup(helper), .server = xstrdup(server)};
	(void)ask(helper, server, &a->credentials, &a->why);
	return a;
}

int credentials_ask_helper(const char *helper, const char *server, struct helper_answers *said,
	struct credentials *ret, struct err *err)
{
	if (!said)
		return ask(helper, server, ret, err);
	const struct helper_answer *a = answer_of(said, helper, server);
	if (a->why.code) {
		*err = a->why;
		return err->code;
	}
	credentials_copy(ret, &a->credentials);
	return 0;
}

int credentials_helper_may_keep(const char *helper, const char *key, struct err *err)
{
	size_t n = strcspn(key, "/");
	return key[n] ? err_set(err, ERR_UNSUPPORTED,
				"docker-credential-%s keeps credentials of whole registries, not "
				"of '%s': log into '%.*s', or name another file with '--authfile'",
				helper, key, (int)n, key)
	              : 0;
}

int credentials_helper_store(
	const char *helper, const char *server, const struct credentials *c, struct err *err)
{
	AUTO_JSON struct json *j = json_new_object();
	json_set_string(j, "ServerURL", server);
	json_set_string(j, "Username", c->identity_token ? "<token>" : c->user);
	json_set_string(j, "Secret", c->identity_token ? c->identity_token : c->password);
	AUTO_FREE char *input = json_dump(j, 0);
	AUTO_FREE char *output = NULL;
	int r = auth_helper_run(helper, "store", input, &output, err);
	explicit_bzero(input, strlen(input));
	const char *secret = c->identity_token ? c->identity_token : c->password;
	if (r < 0 && *secret && strstr(err->msg, secret))
		return err_set(err, r, "docker-credential-%s cannot keep the credentials", helper);
	return r;
}

int credentials_helper_erase(const char *helper, const char *server, struct err *err)
{
	AUTO_FREE char *output = NULL;
	return auth_helper_run(helper, "erase", server, &output, err);
}

int credentials_helper_erase_all(const char *helper, struct err *err)
{
	AUTO_FREE char *output = NULL, *what = credentials_helper_name(helper);
	AUTO_JSON struct json *users = NULL;
	if (auth_helper_run(helper, "list", "", &output, err) < 0 ||
		json_parse(output, strlen(output), what, &users, err) < 0)
		return err->code;
	for (void *it = json_iter(users); it; it = json_next(users, it))
		if (credentials_helper_erase(helper, json_iter_key(it), err) < 0)
			return err->code;
	return 0;
}
