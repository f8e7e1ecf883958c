/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/policy.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/reference.h"
#include "registry/scopes.h"

#define POLICY_MAX (4 * MIB)
#define SYSTEM_POLICY "/etc/containers/policy.json"

/* What the entries of the transport are looked for by, the most specific first. "Scopes" */
static void path_scopes(const char *path, const char *image, struct strv *ret)
{
	char real[PATH_MAX];
	AUTO_FREE char *scope = xstrdup(realpath(path, real) ? real : path);
	if (image)
		strv_addf(ret, "%s:%s", scope, image);
	while (*scope) {
		strv_add(ret, scope);
		char *slash = strrchr(scope, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
}

/* --- requirements --- */

void demands_done(struct demands *d)
{
	for (size_t i = 0; i < d->n; i++) {
		strv_done(&d->s[i].key_files);
		free(d->s[i].keys);
		identity_done(&d->s[i].identity);
	}
	free(d->s);
	free(d->policy);
	*d = (struct demands){0};
}

/* One of "keyPath", "keyPaths" and "keyData". */
static int get_keys(const struct json *j, const char *what, struct signed_by *ret, struct err *err)
{
	const char *file = NULL, *data = NULL;
	const struct json *files = json_get(j, "keyPaths");
	if (json_get_string(j, what, "keyPath", &file, err) < 0 ||
		json_get_string(j, what, "keyData", &data, err) < 0 ||
		json_get_strv(j, what, "keyPaths", &ret->key_files, err) < 0)
		return err->code;
	if (!!file + !!data + !!files != 1 || (files && !ret->key_files.n))
		return err_set(err, ERR_INVALID,
			"%s: 'signedBy' wants one of 'keyPath', 'keyPaths' and 'keyData'", what);
	if (file)
		strv_add(&ret->key_files, file);
	if (data && !(ret->keys = base64_decode(data, &ret->n_keys)))
		return err_set(err, ERR_INVALID, "%s: 'keyData' is not base64", what);
	return 0;
}

/* Only the first n members of "known" may be there. */
static int check_members(
	const struct json *j, const char *const *known, size_t n, const char *what, struct err *err)
{
	for (void *it = json_iter(j); it; it = json_next(j, it)) {
		size_t i = 0;
		while (i < n && !streq(known[i], json_iter_key(it)))
			i++;
		if (i == n)
			return err_set(err, ERR_INVALID, "%s: unknown member '%.64s' of '%.64s'",
				what, json_iter_key(it), json_text(json_get(j, "type")));
	}
	return 0;
}

static int get_signed_by(
	const struct json *j, const char *what, struct signed_by *ret, struct err *err)
{
	static const char *const known[] = {
		"type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"};
	const char *type = json_text(json_get(j, "keyType"));
	if (check_members(j, known, ARRAY_LEN(known), what, err) < 0)
		return err->code;
	if (!type || !streq(type, "GPGKeys"))
		return err_set(err, ERR_UNSUPPORTED,
			"%s: 'signedBy' with the keyType '%.64s' is not supported, only 'GPGKeys'",
			what, type ? type : "");
	int r = get_keys(j, what, ret, err);
	return r < 0 ? r : identity_parse(json_get(j, "signedIdentity"), what, &ret->identity, err);
}

static int check_requirement(const struct json *requirement, const char *what, const char *image,
	struct demands *ret, struct err *err)
{
	const char *type = json_text(json_get(requirement, "type"));
	static const char *const signatures[] = {"sigstoreSigned", "signedBaseLayer"};
	static const char *const only[] = {"type"};
	if (!type)
		return err_set(err, ERR_INVALID, "%s: a requirement has no type", what);
	if (streq(type, "insecureAcceptAnything"))
		return check_members(requirement, only, ARRAY_LEN(only), what, err);
	if (streq(type, "reject"))
		return err_set(err, ERR_DENIED,
			"Source image rejected: Running image %s is rejected by policy %s", image,
			what);
	if (streq(type, "signedBy")) {
		ret->s = xreallocarray(ret->s, ret->n + 1, sizeof(*ret->s));
		ret->s[ret->n] = (struct signed_by){0};
		return get_signed_by(requirement, what, &ret->s[ret->n++], err);
	}
	for (size_t i = 0; i < ARRAY_LEN(signatures); i++)
		if (streq(type, signatures[i]))
			return err_set(err, ERR_UNSUPPORTED,
				"%s wants a signature ('%s') of '%s', and such signatures are not "
				"verified here",
				what, type, image);
	return err_set(err, ERR_INVALID, "%s: unknown requirement '%.64s'", what, type);
}

static const struct json *find_requirements(
	const struct json *top, const char *transport, const struct strv *scopes)
{
	const struct json *entries = json_get(json_get(top, "transports"), transport);
	STRV_FOREACH (scope, scopes) {
		const struct json *list = json_get(entries, *scope);
		if (list)
			return list;
	}
	const struct json *list = json_get(entries, "");
	return list ? list : json_get(top, "default");
}

/* Of what is not written as it has to be nobody knows what it was meant to forbid. */
static int check_form(const struct json *top, const char *what, struct err *err)
{
	const struct json *transports = json_get(top, "transports");
	if (!json_is(top, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s is not an object", what);
	for (void *it = json_iter(top); it; it = json_next(top, it))
		if (!streq(json_iter_key(it), "default") && !streq(json_iter_key(it), "transports"))
			return err_set(err, ERR_INVALID, "%s: unknown member '%.64s'", what,
				json_iter_key(it));
	if (!json_is(json_get(top, "default"), JSON_KIND_ARRAY))
		return err_set(err, ERR_INVALID, "%s: 'default' is not a list", what);
	if (transports && !json_is(transports, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s: 'transports' is not an object", what);
	for (void *it = json_iter(transports); it; it = json_next(transports, it))
		if (!json_is(json_iter_value(it), JSON_KIND_OBJECT))
			return err_set(err, ERR_INVALID, "%s: transport '%.64s' is not an object",
				what, json_iter_key(it));
	return 0;
}

int policy_check_text(const char *text, unsigned long n, const char *what, const char *transport,
	const struct reference *ref, const char *path, const char *name, struct demands *ret,
	struct err *err)
{
	AUTO_JSON struct json *top = NULL;
	AUTO_STRV struct strv scopes = STRV_INIT;
	if (json_parse(text, n, what, &top, err) < 0 || check_form(top, what, err) < 0)
		return err->code;
	if (ref)
		registry_scopes(ref, &scopes);
	else
		path_scopes(path, name, &scopes);
	const char *image = scopes.n ? scopes.v[0] : transport;
	const struct json *list = find_requirements(top, transport, &scopes);
	if (!json_is(list, JSON_KIND_ARRAY) || json_size(list) == 0)
		return err_set(err, ERR_INVALID, "%s says nothing about '%s'", what, image);
	for (size_t i = 0; i < json_size(list); i++) {
		int r = check_requirement(json_at(list, i), what, image, ret, err);
		if (r < 0)
			return r;
	}
	mem_replace(&ret->policy, xstrdup(what));
	return 0;
}

/* New string; NULL: there is none. */
static char *find_file(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	AUTO_FREE char *user = NULL;
	if (xdg && *xdg == '/')
		user = xasprintf("%s/containers/policy.json", xdg);
	else if (home && *home == '/')
		user = xasprintf("%s/.config/containers/policy.json", home);
	if (user && access(user, F_OK) == 0)
		return take(user);
	return access(SYSTEM_POLICY, F_OK) == 0 ? xstrdup(SYSTEM_POLICY) : NULL;
}

int policy_check(const char *file, const char *transport, const struct reference *ref,
	const char *path, const char *name, struct demands *ret, struct err *err)
{
	AUTO_FREE char *found = file ? xstrdup(file) : find_file();
	AUTO_FREE char *text = NULL;
	size_t n;
	if (!found)
		return 0;
	int r = fs_read_file(AT_FDCWD, found, POLICY_MAX, &text, &n, err);
	return r < 0 ? r : policy_check_text(text, n, found, transport, ref, path, name, ret, err);
}
