/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/credentials_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"

#define SECRET_MAX (64 * KIB)
#define AUTH_PATHS_MAX 4

struct auth_path {
	char *path;
	enum auth_form form;
};

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

static int find_in_text(const char *text, size_t n, const char *what, enum auth_form form,
	const char *host, const char *repository, struct helper_answer *said,
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
	if (helper)
		return credentials_ask_helper(helper, host, said, ret, err);
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
		return credentials_ask_helper(store, host, said, ret, err);
	return err_set(err, ERR_NOT_FOUND, "%s keeps no credentials for '%s'", what, host);
}

int credentials_from_text(const char *text, unsigned long n, const char *what, enum auth_form form,
	const char *host, const char *repository, struct credentials *ret, struct err *err)
{
	return find_in_text(text, n, what, form, host, repository, NULL, ret, err);
}

/* The one file that somebody named: nothing else is read then. DOCKER_CONFIG names docker's, which
 * buildah, podman and skopeo write to, too, as long as it is set. New string; NULL: nobody did. */
static char *named_path(const char *authfile, enum auth_form *ret_form)
{
	const char *env = getenv("REGISTRY_AUTH_FILE"), *docker = getenv("DOCKER_CONFIG");
	*ret_form = AUTH_FORM_CONTAINERS;
	if (authfile)
		return xstrdup(authfile);
	if (env && *env)
		return xstrdup(env);
	if (!docker || !*docker)
		return NULL;
	*ret_form = AUTH_FORM_DOCKER;
	return xasprintf("%s/config.json", docker);
}

/* containers-auth.json(5): it is gone after a reboot. New string. */
static char *runtime_path(void)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	if (run && *run == '/')
		return xasprintf("%s/containers/auth.json", run);
	/* in the user namespace of a rootless pull everybody is root: cmd/main.c notes who we were
	 * for this and for mica-remote, nobody else sets it */
	const char *outside = getenv("MICA_UID");
	uint64_t uid = getuid();
	if (outside && !num_u64(outside, UINT32_MAX, &uid))
		uid = getuid();
	return xasprintf("/run/containers/%u/auth.json", (unsigned)uid);
}

char *credentials_main_path(const char *authfile)
{
	enum auth_form form;
	char *named = named_path(authfile, &form);
	return named ? named : runtime_path();
}

static size_t auth_paths(const char *authfile, struct auth_path paths[AUTH_PATHS_MAX])
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	size_t n = 0;
	paths[0].path = named_path(authfile, &paths[0].form);
	if (paths[0].path)
		return 1;
	paths[n++] = (struct auth_path){.path = runtime_path()};
	if (xdg && *xdg == '/')
		paths[n++] = (struct auth_path){.path = xasprintf("%s/containers/auth.json", xdg)};
	else if (home && *home == '/')
		paths[n++] = (struct auth_path){
			.path = xasprintf("%s/.config/containers/auth.json", home)};
	if (!home || *home != '/')
		return n;
	paths[n++] = (struct auth_path){
		.path = xasprintf("%s/.docker/config.json", home), .form = AUTH_FORM_DOCKER};
	paths[n++] = (struct auth_path){
		.path = xasprintf("%s/.dockercfg", home), .form = AUTH_FORM_DOCKERCFG};
	return n;
}

static int get_from_file(const struct auth_path *p, const char *host, const char *repository,
	struct helper_answer *said, struct credentials *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, p->path, AUTHFILE_MAX, &text, &n, err);
	if (r < 0)
		return r;
	r = find_in_text(text, n, p->path, p->form, host, repository, said, ret, err);
	explicit_bzero(text, n);
	return r;
}

int credentials_check_file(const char *authfile, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_JSON struct json *top = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, authfile, AUTHFILE_MAX, &text, &n, err);
	if (r == 0) {
		r = credentials_parse_file(text, n, authfile, &top, err);
		explicit_bzero(text, n);
	}
	return r < 0 ? err_wrap(err, "option '--authfile'") : 0;
}

int credentials_find(const char *authfile, const char *host, const char *repository,
	struct helper_answer *said, struct credentials *ret, char **ret_path, struct err *err)
{
	struct auth_path paths[AUTH_PATHS_MAX];
	size_t n = auth_paths(authfile, paths);
	int r = err_set(err, ERR_NOT_FOUND, "no credentials are kept for '%s'", host);
	for (size_t i = 0; i < n && r == ERR_NOT_FOUND; i++) {
		r = get_from_file(&paths[i], host, repository, said, ret, err);
		if (r == 0)
			*ret_path = xstrdup(paths[i].path);
	}
	for (size_t i = 0; i < n; i++)
		free(paths[i].path);
	return r;
}

bool credentials_name_helpers(const char *authfile)
{
	struct auth_path paths[AUTH_PATHS_MAX];
	size_t n = auth_paths(authfile, paths);
	bool found = false;
	for (size_t i = 0; i < n; i++) {
		AUTO_JSON struct json *top = NULL;
		AUTO_FREE char *text = NULL;
		struct err ignored = ERR_INIT;
		size_t len;
		if (fs_read_file(AT_FDCWD, paths[i].path, AUTHFILE_MAX, &text, &len, &ignored) ==
			0) {
			if (credentials_parse_file(text, len, paths[i].path, &top, &ignored) == 0)
				found = found || json_get(top, "credHelpers") ||
				        json_get(top, "credsStore");
			explicit_bzero(text, len);
		}
		free(paths[i].path);
	}
	return found;
}
