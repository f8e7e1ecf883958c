/* SPDX-License-Identifier: Apache-2.0 */
/* What login and logout change: a file, locked and replaced as a whole, or what a helper keeps. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/credentials_internal.h"

/* Where that file is, when it is a link: it is locked and replaced there. */
static char *path_for_update(const char *authfile)
{
	AUTO_FREE char *path = credentials_main_path(authfile);
	return fs_follow(path);
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
	return r < 0 ? r : credentials_parse_file(text, n, path, ret, err);
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
	json_set_string(j, "ServerURL", credentials_helper_key(key));
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

/* The helper that has the say for key; *ret NULL: the file itself. */
static int find_helper(const struct json *top, const char *key, const char **ret, struct err *err)
{
	AUTO_FREE char *host = xstrndup(key, strcspn(key, "/"));
	const char *helper = credentials_helper(top, false, host);
	if (!helper)
		helper = json_text(json_get(top, "credsStore"));
	*ret = helper && *helper ? helper : NULL;
	/* they are asked for a host alone */
	return *ret && !streq(host, key) ? err_set(err, ERR_UNSUPPORTED,
						   "docker-credential-%s keeps credentials of "
						   "whole registries, not of "
						   "'%s': log into '%s', or name another file with "
						   "'--authfile'",
						   helper, key, host)
	                                 : 0;
}

int credentials_store(const char *authfile, const char *key, const struct credentials *c,
	char **ret_where, struct err *err)
{
	AUTO_FREE char *path = path_for_update(authfile);
	AUTO_FD int lock = -1;
	AUTO_JSON struct json *top = NULL;
	const char *helper;
	if (lock_for_update(path, &lock, err) < 0 || read_for_update(path, &top, err) < 0 ||
		find_helper(top, key, &helper, err) < 0)
		return err->code;
	if (helper) {
		int r = helper_store(helper, key, c, err);
		if (r == 0 && ret_where)
			*ret_where = xasprintf("credential helper: %s", helper);
		return r;
	}
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
	int r = write_back(path, top, err);
	if (r == 0 && ret_where)
		*ret_where = take(path);
	return r;
}

int credentials_remove(const char *authfile, const char *key, struct err *err)
{
	AUTO_FREE char *path = path_for_update(authfile);
	AUTO_FD int lock = -1;
	AUTO_JSON struct json *top = NULL;
	const char *helper;
	if (lock_for_update(path, &lock, err) < 0 || read_for_update(path, &top, err) < 0 ||
		find_helper(top, key, &helper, err) < 0)
		return err->code;
	AUTO_FREE char *output = NULL;
	if (helper)
		return auth_helper_run(helper, "erase", credentials_helper_key(key), &output, err);
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
