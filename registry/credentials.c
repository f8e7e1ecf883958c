/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/credentials_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

#define SECRET_MAX (64 * KIB)

void credentials_done(struct credentials *c)
{
	char *secrets[] = {c->password, c->identity_token};
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		if (secrets[i])
			explicit_bzero(secrets[i], strlen(secrets[i]));
		free(secrets[i]);
	}
	free(c->user);
	*c = (struct credentials){0};
}

int credentials_split(const char *text, struct credentials *ret, struct err *err)
{
	const char *colon = strchr(text, ':');
	if (!*text || colon == text)
		return err_set(err, ERR_INVALID, "credentials name no user; write USER:PASSWORD");
	*ret = (struct credentials){
		.user = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text),
		.password = xstrdup(colon ? colon + 1 : ""),
	};
	return 0;
}

/* docker writes "https://host/v1/": the scheme and everything after the host go, also where its
 * file is given as --authfile. */
static char *normalise_key(const char *key, bool docker)
{
	const char *name = key;
	if (str_has_prefix(key, "https://"))
		name += 8;
	else if (str_has_prefix(key, "http://"))
		name += 7;
	char *host = docker || name != key ? xstrndup(name, strcspn(name, "/")) : xstrdup(name);
	if (streq(host, "index.docker.io") || streq(host, "registry-1.docker.io"))
		mem_replace(&host, xstrdup("docker.io"));
	return host;
}

static const struct json *find_entry(const struct json *auths, bool docker, const char *key)
{
	const struct json *exact = json_get(auths, key);
	if (exact)
		return exact;
	for (void *it = json_iter(auths); it; it = json_next(auths, it)) {
		AUTO_FREE char *have = normalise_key(json_iter_key(it), docker);
		if (streq(have, key))
			return json_iter_value(it);
	}
	return NULL;
}

static int parse_entry(const struct json *entry, const char *what, const char *key,
	struct credentials *ret, struct err *err)
{
	const char *auth = NULL, *token = NULL;
	if (json_get_string(entry, what, "auth", &auth, err) < 0 ||
		json_get_string(entry, what, "identitytoken", &token, err) < 0)
		return err->code;
	struct credentials c = {0};
	if (auth && *auth) {
		unsigned long n;
		AUTO_FREE char *text = strlen(auth) <= SECRET_MAX ? base64_decode(auth, &n) : NULL;
		/* docker pads the decoded text with NUL bytes at times */
		if (!text || !strchr(text, ':') || credentials_split(text, &c, err) < 0)
			return err_set(err, ERR_INVALID,
				"%s: the entry for '%s' is not USER:PASSWORD in base64", what, key);
		explicit_bzero(text, strlen(text));
	}
	if (token && *token)
		c.identity_token = xstrdup(token);
	if (!c.user && !c.identity_token)
		return err_set(err, ERR_NOT_FOUND, "%s: the entry for '%s' is empty", what, key);
	*ret = c;
	return 0;
}

const char *credentials_helper(const struct json *top, bool docker, const char *host)
{
	const char *name = json_text(find_entry(json_get(top, "credHelpers"), docker, host));
	return name && *name ? name : NULL;
}

/* The members of the object `key`, which may be absent. */
static int check_members(const struct json *top, const char *what, const char *key,
	enum json_kind kind, struct err *err)
{
	struct json *o = NULL, *ignored;
	if (json_get_kind(top, what, key, JSON_KIND_OBJECT, &o, err) < 0)
		return err->code;
	for (void *it = json_iter(o); it; it = json_next(o, it))
		if (json_get_kind(o, what, json_iter_key(it), kind, &ignored, err) < 0)
			return err->code;
	return 0;
}

int credentials_parse_file(
	const char *text, size_t n, const char *what, struct json **ret, struct err *err)
{
	AUTO_JSON struct json *top = NULL;
	const char *ignored;
	if (json_parse(text, n, what, &top, err) < 0)
		return err->code;
	if (!json_is(top, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s is not an object", what);
	/* what cannot be understood may say who we are: nobody goes on without */
	if (check_members(top, what, "auths", JSON_KIND_OBJECT, err) < 0 ||
		check_members(top, what, "credHelpers", JSON_KIND_STRING, err) < 0 ||
		json_get_string(top, what, "credsStore", &ignored, err) < 0)
		return err->code;
	*ret = take(top);
	return 0;
}

int credentials_find_in_text(const char *text, size_t n, const char *what, enum auth_form form,
	const char *host, const char *repository, struct helper_answers *said,
	struct credentials *ret, struct err *err)
{
	AUTO_JSON struct json *top = NULL;
	bool docker = form != AUTH_FORM_CONTAINERS;
	if (credentials_parse_file(text, n, what, &top, err) < 0)
		return err->code;
	if (form == AUTH_FORM_DOCKERCFG) {
		struct json *auths = take(top);
		top = json_new_object();
		json_set(top, "auths", auths);
	}
	const char *helper = credentials_helper(top, docker, host);
	const char *server = credentials_docker_key(host);
	if (helper)
		return credentials_ask_helper(helper, server, said, ret, err);
	const struct json *auths = json_get(top, "auths");
	AUTO_FREE char *key =
		repository && *repository ? xasprintf("%s/%s", host, repository) : xstrdup(host);
	for (;;) {
		const struct json *entry = find_entry(auths, docker, key);
		int r = entry ? parse_entry(entry, what, key, ret, err) : ERR_NOT_FOUND;
		if (r != ERR_NOT_FOUND)
			return r;
		char *slash = strrchr(key, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	const char *store = json_text(json_get(top, "credsStore"));
	if (store && *store)
		return credentials_ask_helper(store, server, said, ret, err);
	return err_set(err, ERR_NOT_FOUND, "%s keeps no credentials for '%s'", what, host);
}

int credentials_from_text(const char *text, unsigned long n, const char *what, enum auth_form form,
	const char *host, const char *repository, struct credentials *ret, struct err *err)
{
	return credentials_find_in_text(text, n, what, form, host, repository, NULL, ret, err);
}
