/* SPDX-License-Identifier: Apache-2.0 */
/* Where credentials are looked for: files in their places, and the helpers of registries.conf. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strv.h"
#include "registry/credentials_internal.h"

#define AUTH_PATHS_MAX 4

struct auth_path {
	char *path;
	enum auth_form form;
};

/* The one file that somebody named: nothing else is read then. DOCKER_CONFIG names docker's, which
 * buildah, podman and skopeo write to, too, as long as it is set. New string; NULL: nobody did. */
static char *named_path(const struct credential_places *places, enum auth_form *ret_form)
{
	const char *env = getenv("REGISTRY_AUTH_FILE"), *docker = getenv("DOCKER_CONFIG");
	*ret_form = places->authfile && places->docker ? AUTH_FORM_DOCKER : AUTH_FORM_CONTAINERS;
	if (places->authfile)
		return xstrdup(places->authfile);
	if (env && *env)
		return xstrdup(env);
	if (!docker || !*docker)
		return NULL;
	*ret_form = AUTH_FORM_DOCKER;
	return xasprintf("%s/config.json", docker);
}

/* In the user namespace of a rootless pull everybody is root: cmd/main.c notes who we were for this
 * and for mica-remote, nobody else sets it. */
static unsigned caller(void)
{
	const char *outside = getenv("MICA_UID");
	uint64_t uid = getuid();
	if (outside && !num_u64(outside, UINT32_MAX, &uid))
		uid = getuid();
	return (unsigned)uid;
}

/* A directory that nobody else can write to: of those above it one may belong to all. */
static bool is_ours(const char *dir)
{
	struct stat st;
	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* containers-auth.json(5), and where a user has no XDG_RUNTIME_DIR what buildah takes for it. make:
 * the last of them, if need be. New string. */
static char *runtime_path(bool make)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	unsigned uid = caller();
	if (run && *run == '/')
		return xasprintf("%s/containers/auth.json", run);
	AUTO_FREE char *usual = xasprintf("/run/containers/%u", uid);
	AUTO_FREE char *user = xasprintf("/run/user/%u", uid);
	AUTO_FREE char *last = xasprintf("/var/tmp/storage-run-%u", uid);
	if (uid == 0 || is_ours(usual))
		return xasprintf("%s/auth.json", usual);
	if (is_ours(user))
		return xasprintf("%s/containers/auth.json", user);
	if (make)
		(void)!mkdir(last, 0700);
	if (is_ours(last))
		return xasprintf("%s/containers/auth.json", last);
	return xasprintf("%s/auth.json", usual);
}

char *credentials_main_path(const struct credential_places *places, bool *ret_docker)
{
	enum auth_form form;
	char *named = named_path(places, &form);
	*ret_docker = form == AUTH_FORM_DOCKER;
	return named ? named : runtime_path(true);
}

static size_t auth_paths(
	const struct credential_places *places, struct auth_path paths[AUTH_PATHS_MAX])
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	size_t n = 0;
	paths[0].path = named_path(places, &paths[0].form);
	if (paths[0].path)
		return 1;
	paths[n++] = (struct auth_path){.path = runtime_path(false)};
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
	struct helper_answers *said, struct credentials *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, p->path, AUTHFILE_MAX, &text, &n, err);
	if (r < 0)
		return r;
	r = credentials_find_in_text(text, n, p->path, p->form, host, repository, said, ret, err);
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

static int find_in_files(const struct credential_places *places, const char *host,
	const char *repository, struct helper_answers *said, struct credentials *ret,
	char **ret_path, struct err *err)
{
	struct auth_path paths[AUTH_PATHS_MAX];
	size_t n = auth_paths(places, paths);
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

void credentials_helpers(const struct credential_places *places, bool docker, struct strv *ret)
{
	if (places->helpers && places->helpers->n && !docker)
		strv_copy(ret, places->helpers);
	else
		strv_add(ret, CREDENTIAL_FILES);
}

/* As in containers/image, one that fails does not matter where another one keeps them. */
int credentials_find(const struct credential_places *places, const char *host,
	const char *repository, struct helper_answers *said, struct credentials *ret,
	char **ret_path, struct err *err)
{
	AUTO_STRV struct strv helpers = STRV_INIT;
	struct err first = ERR_INIT;
	credentials_helpers(places, false, &helpers);
	STRV_FOREACH (h, &helpers) {
		bool files = streq(*h, CREDENTIAL_FILES);
		int r = files ? find_in_files(places, host, repository, said, ret, ret_path, err)
		              : credentials_ask_helper(*h, host, said, ret, err);
		if (r == 0 && !files)
			*ret_path = credentials_helper_name(*h);
		if (r == 0 || r == ERR_CANCELLED)
			return r;
		log_debug("%s", err->msg);
		if (!first.code || first.code == ERR_NOT_FOUND)
			first = *err;
		err_clear(err);
	}
	*err = first;
	return err->code;
}

static bool names_helpers(const struct auth_path *p)
{
	AUTO_JSON struct json *top = NULL;
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	if (fs_read_file(AT_FDCWD, p->path, AUTHFILE_MAX, &text, &n, &ignored) < 0)
		return false;
	int r = credentials_parse_file(text, n, p->path, &top, &ignored);
	explicit_bzero(text, n);
	return r == 0 && (json_get(top, "credHelpers") || json_get(top, "credsStore"));
}

bool credentials_name_helpers(const struct credential_places *places)
{
	AUTO_STRV struct strv helpers = STRV_INIT;
	struct auth_path paths[AUTH_PATHS_MAX];
	size_t n = auth_paths(places, paths);
	bool found = false;
	credentials_helpers(places, false, &helpers);
	STRV_FOREACH (h, &helpers)
		found = found || !streq(*h, CREDENTIAL_FILES);
	for (size_t i = 0; i < n; i++) {
		found = found || names_helpers(&paths[i]);
		free(paths[i].path);
	}
	return found;
}
