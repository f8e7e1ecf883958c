/* SPDX-License-Identifier: Apache-2.0 */
/* What login and logout change: a file, locked and replaced as a whole, and what helpers keep. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "registry/credentials_internal.h"

/* --- the file -------------------------------------------------------------------------------- */

struct authfile {
	char *path; /* where it is, when it is a link: it is locked and replaced there */
	bool docker;
	int lock;
	struct json *top;
};

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
	return r < 0 ? r : credentials_parse_file(text, n, path, ret, err);
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

static int authfile_open(
	const struct credential_places *places, struct authfile *f, struct err *err)
{
	AUTO_FREE char *path = credentials_main_path(places, &f->docker);
	f->path = fs_follow(path);
	int r = lock_for_update(f->path, &f->lock, err);
	return r < 0 ? r : read_for_update(f->path, &f->top, err);
}

static void authfile_done(struct authfile *f)
{
	free(f->path);
	json_free(f->top);
	if (f->lock >= 0)
		close(f->lock);
}
#define AUTHFILE_INIT                                                                              \
	{                                                                                          \
		.lock = -1                                                                         \
	}
#define AUTO_AUTHFILE __attribute__((cleanup(authfile_done)))

static int authfile_write(const struct authfile *f, struct err *err)
{
	AUTO_FREE char *text = json_dump(f->top, 8);
	int r = fs_write_output(f->path, text, strlen(text), 0600, true, err);
	explicit_bzero(text, strlen(text));
	return r;
}

/* The helper that it names for key; *ret NULL: it is in the file itself. */
static int authfile_helper(
	const struct authfile *f, const char *key, const char **ret, struct err *err)
{
	AUTO_FREE char *host = xstrndup(key, strcspn(key, "/"));
	const char *helper = credentials_helper(f->top, f->docker, host);
	if (!helper)
		helper = json_text(json_get(f->top, "credsStore"));
	*ret = helper && *helper ? helper : NULL;
	return *ret ? credentials_helper_may_keep(*ret, key, err) : 0;
}

/* What the file calls it. */
static int authfile_key(
	const struct authfile *f, const char *key, const char **ret, struct err *err)
{
	*ret = f->docker ? credentials_docker_key(key) : key;
	return f->docker && strchr(key, '/')
	               ? err_set(err, ERR_UNSUPPORTED,
				 "'%s' is docker's, who keeps credentials of whole registries, not "
				 "of '%s': name another file with '--authfile'",
				 f->path, key)
	               : 0;
}

static struct json *new_entry(const struct credentials *c)
{
	struct json *entry = json_new_object();
	if (c->user) {
		AUTO_FREE char *plain = xasprintf("%s:%s", c->user, c->password ? c->password : "");
		AUTO_FREE char *encoded = base64_encode(plain, strlen(plain));
		json_set_string(entry, "auth", encoded);
		explicit_bzero(plain, strlen(plain));
		explicit_bzero(encoded, strlen(encoded));
	}
	json_set_string(entry, "identitytoken", c->identity_token);
	return entry;
}

static int authfile_store(const struct credential_places *places, const char *key,
	const struct credentials *c, char **ret_where, struct err *err)
{
	AUTO_AUTHFILE struct authfile f = AUTHFILE_INIT;
	const char *helper, *name;
	if (authfile_open(places, &f, err) < 0 || authfile_helper(&f, key, &helper, err) < 0)
		return err->code;
	if (helper) {
		*ret_where = credentials_helper_name(helper);
		return credentials_helper_store(helper, credentials_docker_key(key), c, err);
	}
	if (authfile_key(&f, key, &name, err) < 0)
		return err->code;
	struct json *auths = json_get(f.top, "auths");
	if (!json_is(auths, JSON_KIND_OBJECT)) { /* null, too */
		auths = json_new_object();
		json_set(f.top, "auths", auths);
	}
	json_set(auths, name, new_entry(c));
	*ret_where = xstrdup(f.path);
	return authfile_write(&f, err);
}

static int authfile_remove(const struct credential_places *places, const char *key, struct err *err)
{
	AUTO_AUTHFILE struct authfile f = AUTHFILE_INIT;
	const char *helper;
	if (authfile_open(places, &f, err) < 0 || authfile_helper(&f, key, &helper, err) < 0)
		return err->code;
	if (helper)
		return credentials_helper_erase(helper, credentials_docker_key(key), err);
	struct json *auths = json_get(f.top, "auths");
	const char *name = f.docker && !json_get(auths, key) ? credentials_docker_key(key) : key;
	if (!json_get(auths, name))
		return err_set(err, ERR_NOT_FOUND, "not logged into %s", key);
	json_remove(auths, name);
	return authfile_write(&f, err);
}

/* What it names helpers for stays its say. */
static int authfile_remove_all(const struct credential_places *places, struct err *err)
{
	AUTO_AUTHFILE struct authfile f = AUTHFILE_INIT;
	if (authfile_open(places, &f, err) < 0)
		return err->code;
	struct json *named = json_get(f.top, "credHelpers");
	const char *store = json_text(json_get(f.top, "credsStore"));
	for (void *it = json_iter(named); it; it = json_next(named, it)) {
		const char *helper = json_text(json_iter_value(it));
		int r = helper && *helper ? credentials_helper_erase(helper,
						    credentials_docker_key(json_iter_key(it)), err)
		                          : 0;
		if (r < 0 && r != ERR_NOT_FOUND)
			return r;
		err_clear(err);
	}
	if (store && *store && credentials_helper_erase_all(store, err) < 0)
		return err->code;
	json_set(f.top, "auths", json_new_object());
	return authfile_write(&f, err);
}

/* --- all of them ----------------------------------------------------------------------------- */

static void helpers_of(const struct credential_places *places, struct strv *ret)
{
	bool docker;
	free(credentials_main_path(places, &docker));
	credentials_helpers(places, docker, ret);
}

int credentials_store(const struct credential_places *places, const char *key,
	const struct credentials *c, char **ret_where, struct err *err)
{
	AUTO_STRV struct strv helpers = STRV_INIT;
	struct err first = ERR_INIT;
	helpers_of(places, &helpers);
	STRV_FOREACH (h, &helpers) {
		AUTO_FREE char *where = NULL;
		int r;
		if (streq(*h, CREDENTIAL_FILES)) {
			r = authfile_store(places, key, c, &where, err);
		} else {
			where = credentials_helper_name(*h);
			r = credentials_helper_may_keep(*h, key, err) < 0
			            ? err->code
			            : credentials_helper_store(*h, key, c, err);
		}
		if (r == 0 && ret_where)
			*ret_where = take(where);
		if (r == 0 || r == ERR_CANCELLED)
			return r;
		log_debug("%s", err->msg);
		if (!first.code)
			first = *err;
		err_clear(err);
	}
	*err = first;
	return err->code;
}

int credentials_remove(const struct credential_places *places, const char *key, struct err *err)
{
	AUTO_STRV struct strv helpers = STRV_INIT;
	struct err first = ERR_INIT;
	bool removed = false;
	helpers_of(places, &helpers);
	STRV_FOREACH (h, &helpers) {
		int r;
		if (streq(*h, CREDENTIAL_FILES))
			r = authfile_remove(places, key, err);
		else if (strchr(key, '/'))
			continue; /* it cannot keep them */
		else
			r = credentials_helper_erase(*h, key, err);
		removed = removed || r == 0;
		if (r == ERR_CANCELLED)
			return r;
		if (r < 0 && r != ERR_NOT_FOUND && !first.code)
			first = *err;
		err_clear(err);
	}
	if (!first.code && !removed)
		return err_set(err, ERR_NOT_FOUND, "not logged into %s", key);
	*err = first;
	return err->code;
}

int credentials_remove_all(const struct credential_places *places, struct err *err)
{
	AUTO_STRV struct strv helpers = STRV_INIT;
	struct err first = ERR_INIT;
	helpers_of(places, &helpers);
	STRV_FOREACH (h, &helpers) {
		int r = streq(*h, CREDENTIAL_FILES) ? authfile_remove_all(places, err)
		                                    : credentials_helper_erase_all(*h, err);
		if (r == ERR_CANCELLED)
			return r;
		if (r < 0 && !first.code)
			first = *err;
		err_clear(err);
	}
	*err = first;
	return err->code;
}
