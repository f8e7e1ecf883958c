/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/config.h"
#include "registry/credentials.h"
#include "registry/login.h"
#include "registry/remote.h"

/* Who is asked for credentials. conf: what they borrow. */
static int places_of(const struct remote_opts *o, struct registries *conf,
	struct credential_places *ret, struct err *err)
{
	*ret = (struct credential_places){
		.authfile = o->authfile, .docker = o->docker_authfile, .helpers = &conf->helpers};
	return registries_load(o->registries_conf, o->registries_conf_dir, conf, err);
}

/* "HOST" or "HOST/PATH", a part of it, as containers-auth.json(5) has them. New string. */
static int parse_key(const char *text, char **ret, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	struct err why = ERR_INIT;
	AUTO_FREE char *name = xstrdup(text);
	if (streq(name, "index.docker.io") || streq(name, "index.docker.io/v1") ||
		streq(name, "registry-1.docker.io"))
		mem_replace(&name, xstrdup("docker.io"));
	if (!*name || strpbrk(name, " \t\r\n@?#\\\"'"))
		return err_set(err, ERR_INVALID, "'%s' is not the name of a registry", text);
	if (strchr(name, '/') &&
		(reference_parse(name, &ref, &why) < 0 || ref.tag || ref.was_short))
		return err_set(err, ERR_INVALID,
			"'%s' is neither a registry nor one with a path, HOST/PATH", text);
	*ret = take(name);
	return 0;
}

/* Asks the registry whether it knows them. */
static int check_login(const char *key, const char *user, const char *password,
	const struct remote_opts *o, struct err *err)
{
	AUTO_REMOTE struct remote *remote = NULL;
	/* the file may be yet to be made, and nothing is looked up in it */
	struct remote_opts session = *o;
	session.authfile = NULL;
	if (remote_open(&session, &remote, err) < 0)
		return err->code;
	AUTO_FREE char *host = xstrndup(key, strcspn(key, "/"));
	struct json *j = json_new_object();
	json_set_string(j, "op", "login");
	json_set_string(j, "registry", host);
	json_set_string(j, "user", user);
	json_set_string(j, "password", password);
	int r = remote_call(remote, j, -1, NULL, err);
	if (r == ERR_AUTH)
		return err_set(
			err, ERR_AUTH, "logging into \"%s\": invalid username/password", key);
	return r < 0 ? err_wrap(err, "cannot log into %s", key) : 0;
}

int registry_login(const char *registry, const char *user, const char *password,
	const struct remote_opts *o, char **ret_where, struct err *err)
{
	AUTO_FREE char *key = NULL;
	AUTO_REGISTRIES struct registries conf = {0};
	struct credential_places places;
	if (strchr(user, ':') || !*user)
		return err_set(err, ERR_INVALID, "a user name is not empty and has no ':' in it");
	if (parse_key(registry, &key, err) < 0 || places_of(o, &conf, &places, err) < 0 ||
		check_login(key, user, password, o, err) < 0)
		return err->code;
	AUTO_CREDENTIALS struct credentials c = {
		.user = xstrdup(user), .password = xstrdup(password)};
	return credentials_store(&places, key, &c, ret_where, err);
}

/* *ret_path: the file */
static int find_kept(const char *key, const struct credential_places *places,
	struct credentials *ret, char **ret_path, struct err *err)
{
	AUTO_FREE char *host = xstrndup(key, strcspn(key, "/"));
	const char *path = key + strlen(host);
	return credentials_find(places, host, *path ? path + 1 : NULL, NULL, ret, ret_path, err);
}

int registry_logout(const char *registry, bool all, const struct remote_opts *o,
	char **ret_elsewhere, struct err *err)
{
	AUTO_FREE char *key = NULL;
	AUTO_CREDENTIALS struct credentials c = {0};
	AUTO_REGISTRIES struct registries conf = {0};
	struct credential_places places;
	struct err why = ERR_INIT;
	if (places_of(o, &conf, &places, err) < 0)
		return err->code;
	if (all)
		return credentials_remove_all(&places, err);
	if (parse_key(registry, &key, err) < 0)
		return err->code;
	int r = credentials_remove(&places, key, err);
	if (r != ERR_NOT_FOUND || find_kept(key, &places, &c, ret_elsewhere, &why) < 0)
		return r;
	err_clear(err);
	return 0;
}

/* Those that are kept for it. *ret_key: its name */
static int kept(const char *registry, const struct remote_opts *o, char **ret_key,
	struct credentials *ret, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_REGISTRIES struct registries conf = {0};
	struct credential_places places;
	if (parse_key(registry, ret_key, err) < 0 || places_of(o, &conf, &places, err) < 0)
		return err->code;
	int r = find_kept(*ret_key, &places, ret, &path, err);
	return r == ERR_NOT_FOUND ? err_set(err, r, "not logged into %s", *ret_key) : r;
}

int registry_login_again(const char *registry, const struct remote_opts *o, struct err *err)
{
	AUTO_FREE char *key = NULL;
	AUTO_CREDENTIALS struct credentials c = {0};
	int r = kept(registry, o, &key, &c, err);
	if (r != 0)
		return r;
	if (!c.user || !c.password)
		return err_set(err, ERR_NOT_FOUND, "only a token is kept for %s", key);
	return check_login(key, c.user, c.password, o, err);
}

int registry_login_user(
	const char *registry, const struct remote_opts *o, char **ret_user, struct err *err)
{
	AUTO_FREE char *key = NULL;
	AUTO_CREDENTIALS struct credentials c = {0};
	int r = kept(registry, o, &key, &c, err);
	if (r < 0)
		return r;
	*ret_user = xstrdup(c.user ? c.user : "<token>");
	return 0;
}
