/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/strv.h"

#define AUTHFILE_MAX (4 * MIB)
#define SECRET_MAX (64 * KIB)
#define AUTH_PATHS_MAX 4
#define HUB_KEY                                                                                    \
	"https://index.docker.io/v1/" /* docker's name for Docker Hub in its own file and to       \
	                                 helpers */

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

static int ask_helper(const char *helper, const char *key, struct credentials *ret, struct err *err)
{
	AUTO_FREE char *output = NULL;
	const char *server = streq(key, "docker.io") ? HUB_KEY : key;
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
			"docker-credential-%s gave no user name and secret for '%s'", helper, key);
	/* docker-credential-helpers: this user name marks an identity token */
	if (streq(user, "<token>"))
		*ret = (struct credentials){.identity_token = xstrdup(secret)};
	else
		*ret = (struct credentials){.user = xstrdup(user), .password = xstrdup(secret)};
	explicit_bzero(output, strlen(output));
	return 0;
}

static const char *helper_for(const struct json *top, bool docker, const char *host)
{
	const char *name = json_text(find_entry(json_get(top, "credHelpers"), docker, host));
	return name && *name ? name : NULL;
}

static int parse_auth_text(
	const char *text, size_t n, const char *what, struct json **ret, struct err *err)
{
	AUTO_JSON struct json *top = NULL;
	struct json *ignored;
	if (json_parse(text, n, what, &top, err) < 0)
		return err->code;
	if (!json_is(top, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s is not an object", what);
	if (json_get_kind(top, what, "auths", JSON_KIND_OBJECT, &ignored, err) < 0 ||
		json_get_kind(top, what, "credHelpers", JSON_KIND_OBJECT, &ignored, err) < 0)
		return err->code;
	*ret = take(top);
	return 0;
}

int credentials_from_text(const char *text, unsigned long n, const char *what, enum auth_form form,
	const char *host, const char *repository, struct credentials *ret, struct err *err)
{
	AUTO_JSON struct json *top = NULL;
	bool docker = form != AUTH_FORM_CONTAINERS;
	if (parse_auth_text(text, n, what, &top, err) < 0)
		return err->code;
	if (form == AUTH_FORM_DOCKERCFG) {
		struct json *auths = take(top);
		top = json_new_object();
		json_set(top, "auths", auths);
	}
	const char *helper = helper_for(top, docker, host);
	if (helper)
		return ask_helper(helper, host, ret, err);
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
		return ask_helper(store, host, ret, err);
	return err_set(err, ERR_NOT_FOUND, "%s keeps no credentials for '%s'", what, host);
}

/* The one file that login writes: --authfile, $REGISTRY_AUTH_FILE, else the user's run-time
 * directory (it is gone after a reboot, as containers-auth.json(5) wants). */
static char *main_path(const char *authfile)
{
	const char *env = getenv("REGISTRY_AUTH_FILE"), *run = getenv("XDG_RUNTIME_DIR");
	if (authfile)
		return xstrdup(authfile);
	if (env && *env)
		return xstrdup(env);
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

/* Where that file is, when it is a link: it is locked and replaced there. */
static char *path_for_update(const char *authfile)
{
	AUTO_FREE char *path = main_path(authfile);
	return fs_follow(path);
}

static size_t auth_paths(const char *authfile, struct auth_path paths[AUTH_PATHS_MAX])
{
	const char *env = getenv("REGISTRY_AUTH_FILE"), *home = getenv("HOME"),
		   *docker = getenv("DOCKER_CONFIG");
	const char *xdg = getenv("XDG_CONFIG_HOME");
	size_t n = 0;
	paths[n++] = (struct auth_path){.path = main_path(authfile)};
	if (authfile || (env && *env))
		return n;
	if (xdg && *xdg == '/')
		paths[n++] = (struct auth_path){.path = xasprintf("%s/containers/auth.json", xdg)};
	else if (home && *home == '/')
		paths[n++] = (struct auth_path){
			.path = xasprintf("%s/.config/containers/auth.json", home)};
	if (docker && *docker == '/')
		paths[n++] = (struct auth_path){
			.path = xasprintf("%s/config.json", docker), .form = AUTH_FORM_DOCKER};
	else if (home && *home == '/')
		paths[n++] = (struct auth_path){.path = xasprintf("%s/.docker/config.json", home),
			.form = AUTH_FORM_DOCKER};
	if (home && *home == '/')
		paths[n++] = (struct auth_path){
			.path = xasprintf("%s/.dockercfg", home), .form = AUTH_FORM_DOCKERCFG};
	return n;
}

static int get_from_file(const struct auth_path *p, const char *host, const char *repository,
	struct credentials *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, p->path, AUTHFILE_MAX, &text, &n, err);
	if (r < 0)
		return r;
	r = credentials_from_text(text, n, p->path, p->form, host, repository, ret, err);
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
		r = parse_auth_text(text, n, authfile, &top, err);
		explicit_bzero(text, n);
	}
	return r < 0 ? err_wrap(err, "option '--authfile'") : 0;
}

int credentials_find(const char *authfile, const char *host, const char *repository,
	struct credentials *ret, char **ret_path, struct err *err)
{
	struct auth_path paths[AUTH_PATHS_MAX];
	size_t n = auth_paths(authfile, paths);
	int r = err_set(err, ERR_NOT_FOUND, "no credentials are kept for '%s'", host);
	for (size_t i = 0; i < n && r == ERR_NOT_FOUND; i++) {
		r = get_from_file(&paths[i], host, repository, ret, err);
		if (r == 0)
			*ret_path = xstrdup(paths[i].path);
	}
	for (size_t i = 0; i < n; i++)
		free(paths[i].path);
	return r;
}

int credentials_get(const char *authfile, const char *host, const char *repository,
	struct credentials *ret, struct err *err)
{
	AUTO_FREE char *path = NULL;
	return credentials_find(authfile, host, repository, ret, &path, err);
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
			if (parse_auth_text(text, len, paths[i].path, &top, &ignored) == 0)
				found = found || json_get(top, "credHelpers") ||
				        json_get(top, "credsStore");
			explicit_bzero(text, len);
		}
		free(paths[i].path);
	}
	return found;
}

/* Reads the file for changing it; an absent one is an empty object. */
static int read_for_update(const char *path, struct json **ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, path, AUTHFILE_MAX, &text, &n, err);
	if (r == ERR_NOT_FOUND) {
		err_clear(err);
		*ret = json_new_object();
		return 0;
	}
	return r < 0 ? r : parse_auth_text(text, n, path, ret, err);
}

static int write_back(const char *path, const struct json *top, struct err *err)
{
	AUTO_FREE char *text = json_dump(top, 8);
	int r = fs_write_output(path, text, strlen(text), 0600, true, err);
	explicit_bzero(text, strlen(text));
	return r;
}

static int lock_for_update(const char *path, int *ret_lock, struct err *err)
{
	AUTO_FREE char *dir = path_dir(path);
	int r = fs_mkdir_p(dir, 0700, err);
	if (r < 0)
		return r;
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", dir);
	AUTO_FREE char *name = xasprintf(".%s.lock", path_base(path));
	return lock_file(fd, name, LOCK_EXCLUSIVE, true, ret_lock, err);
}

static int helper_store(
	const char *helper, const char *key, const struct credentials *c, struct err *err)
{
	AUTO_JSON struct json *j = json_new_object();
	json_set_string(j, "ServerURL", streq(key, "docker.io") ? HUB_KEY : key);
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

/* They are asked for a host alone. */
static int refuse_helper(const char *helper, const char *host, const char *key, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED,
		"docker-credential-%s keeps credentials of whole registries, not of '%s': log into "
		"'%s', or name another file with '--authfile'",
		helper, key, host);
}

int credentials_store(
	const char *authfile, const char *key, const struct credentials *c, struct err *err)
{
	AUTO_FREE char *path = path_for_update(authfile);
	AUTO_FD int lock = -1;
	AUTO_JSON struct json *top = NULL;
	if (lock_for_update(path, &lock, err) < 0 || read_for_update(path, &top, err) < 0)
		return err->code;
	AUTO_FREE char *host = xstrndup(key, strcspn(key, "/"));
	const char *helper = helper_for(top, false, host);
	if (!helper)
		helper = json_text(json_get(top, "credsStore"));
	if (helper && *helper)
		return streq(host, key) ? helper_store(helper, key, c, err)
		                        : refuse_helper(helper, host, key, err);
	struct json *auths = json_get(top, "auths");
	if (!json_is(auths, JSON_KIND_OBJECT)) { /* null, too */
		auths = json_new_object();
		json_set(top, "auths", auths);
	}
	struct json *entry = json_new_object();
	if (c->user) {
		AUTO_FREE char *plain = xasprintf("%s:%s", c->user, c->password ? c->password : "");
		AUTO_FREE char *encoded = base64_encode(plain, strlen(plain));
		json_set_string(entry, "auth", encoded);
		explicit_bzero(plain, strlen(plain));
		explicit_bzero(encoded, strlen(encoded));
	}
	json_set_string(entry, "identitytoken", c->identity_token);
	json_set(auths, key, entry);
	return write_back(path, top, err);
}

int credentials_remove(const char *authfile, const char *key, struct err *err)
{
	AUTO_FREE char *path = path_for_update(authfile);
	AUTO_FD int lock = -1;
	AUTO_JSON struct json *top = NULL;
	if (lock_for_update(path, &lock, err) < 0 || read_for_update(path, &top, err) < 0)
		return err->code;
	AUTO_FREE char *host = xstrndup(key, strcspn(key, "/"));
	const char *helper = helper_for(top, false, host);
	if (!helper)
		helper = json_text(json_get(top, "credsStore"));
	AUTO_FREE char *output = NULL;
	if (helper && *helper && !streq(host, key))
		return refuse_helper(helper, host, key, err);
	if (helper && *helper)
		return auth_helper_run(
			helper, "erase", streq(key, "docker.io") ? HUB_KEY : key, &output, err);
	if (!json_get(json_get(top, "auths"), key))
		return err_set(err, ERR_NOT_FOUND, "not logged into %s", key);
	json_remove(json_get(top, "auths"), key);
	return write_back(path, top, err);
}

int credentials_remove_all(const char *authfile, struct err *err)
{
	AUTO_FREE char *path = path_for_update(authfile);
	AUTO_FD int lock = -1;
	AUTO_JSON struct json *top = NULL;
	if (lock_for_update(path, &lock, err) < 0 || read_for_update(path, &top, err) < 0)
		return err->code;
	json_set(top, "auths", json_new_object());
	return write_back(path, top, err);
}
