/* SPDX-License-Identifier: Apache-2.0 */
/* What the text of a registries.conf says; which files there are is config_load.c's. */
#include "registry/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/toml.h"
#include "image/reference.h"
#include "registry/credentials.h"

#define REGISTRIES_MAX 4096 /* tables in all files */
#define LOCATION_MAX 512

static void registry_done(struct registry *r)
{
	for (size_t i = 0; i < r->n_mirrors; i++)
		free(r->mirrors[i].location);
	free(r->mirrors);
	free(r->prefix);
	free(r->location);
	free(r->token_service);
	*r = (struct registry){0};
}

/* "host[:port][/path]" as a user writes it: docker.io stays as it is, a scheme or blanks are
 * errors. *ret: without slashes at its end, a new string; NULL: there may be none. */
static int check_location(const char *location, const char *what, char **ret, struct err *err)
{
	size_t n = strlen(location);
	while (ret && n > 0 && location[n - 1] == '/')
		n--;
	if (n == 0 || n > LOCATION_MAX || strstr(location, "://") ||
		strpbrk(location, " \t\r\n?#@\\\"'") || location[0] == '/' ||
		location[n - 1] == '/' || strstr(location, ".."))
		return err_set(err, ERR_INVALID,
			"%s: '%s' is not a location of the form host[:port][/path]", what,
			location);
	if (ret)
		*ret = xstrndup(location, n);
	return 0;
}

static int parse_mirror(const struct json *j, const char *what, bool by_digest_only,
	struct mirror *ret, struct err *err)
{
	const char *location = NULL, *from = "";
	if (json_get_string(j, what, "location", &location, err) < 0 ||
		json_get_string(j, what, "pull-from-mirror", &from, err) < 0 ||
		json_get_bool(j, what, "insecure", &ret->insecure, err) < 0)
		return err->code;
	if (!location)
		return err_set(err, ERR_INVALID, "%s: a mirror has no location", what);
	if (*from && by_digest_only)
		return err_set(err, ERR_INVALID,
			"%s: mirror-by-digest-only of a registry and pull-from-mirror of its "
			"mirror '%s' exclude each other",
			what, location);
	if (streq(from, "all") || !*from)
		ret->pull_from = PULL_FROM_ALL;
	else if (streq(from, "digest-only"))
		ret->pull_from = PULL_FROM_DIGEST_ONLY;
	else if (streq(from, "tag-only"))
		ret->pull_from = PULL_FROM_TAG_ONLY;
	else
		return err_set(err, ERR_INVALID, "%s: unknown pull-from-mirror '%s'", what, from);
	return check_location(location, what, &ret->location, err);
}

static int parse_mirrors(
	const struct json *list, const char *what, struct registry *r, struct err *err)
{
	size_t n = json_size(list);
	if (n > REGISTRIES_MAX)
		return err_set(err, ERR_LIMIT, "%s names too many mirrors", what);
	r->mirrors = xcalloc(n ? n : 1, sizeof(*r->mirrors));
	for (size_t i = 0; i < n; i++) {
		int rc = parse_mirror(
			json_at(list, i), what, r->mirror_by_digest_only, &r->mirrors[i], err);
		if (rc < 0)
			return rc;
		r->n_mirrors++;
	}
	return 0;
}

/* A prefix may end in the digest of an image; what is said of the same location is no more. *ret:
 * without it; a new string. */
static int strip_digest(
	const char *name, const char *digest, const char *what, char **ret, struct err *err)
{
	struct digest d;
	size_t n = strcspn(name, "@");
	AUTO_FREE char *bare = xstrndup(name, n);
	if (name[n] &&
		(!digest || !streq(name + n, digest) || digest_parse(name + n + 1, &d, err) < 0))
		return err_set(err, ERR_INVALID, "%s: '%s' is not of the digest of its prefix",
			what, name);
	return check_location(bare, what, ret, err);
}

/* NULL for "", too. */
static const char *str_said(const char *s)
{
	return s && *s ? s : NULL;
}

static int parse_registry(
	const struct json *j, const char *what, struct registry *r, struct err *err)
{
	const char *prefix = NULL, *location = NULL, *from = NULL, *service = NULL;
	struct json *mirrors = NULL;
	if (!json_is(j, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s: 'registry' is not an array of tables", what);
	int rc;
	if ((rc = json_get_string(j, what, "prefix", &prefix, err)) < 0 ||
		(rc = json_get_string(j, what, "location", &location, err)) < 0 ||
		(rc = json_get_string(j, what, "pull-from-mirror", &from, err)) < 0 ||
		(rc = json_get_string(j, what, "token-service", &service, err)) < 0 ||
		(rc = json_get_bool(j, what, "insecure", &r->insecure, err)) < 0 ||
		(rc = json_get_bool(j, what, "blocked", &r->blocked, err)) < 0 ||
		(rc = json_get_bool(
			 j, what, "mirror-by-digest-only", &r->mirror_by_digest_only, err)) < 0 ||
		(rc = json_get_kind(j, what, "mirror", JSON_KIND_ARRAY, &mirrors, err)) < 0)
		return rc;
	location = str_said(location);
	prefix = str_said(prefix) ? prefix : location;
	if (!prefix)
		return err_set(
			err, ERR_INVALID, "%s: a registry has neither prefix nor location", what);
	bool wildcard = str_has_prefix(prefix, "*.");
	if (wildcard && strchr(prefix, '/'))
		return err_set(
			err, ERR_INVALID, "%s: '%s' has a path after its wildcard", what, prefix);
	if (str_said(from))
		return err_set(err, ERR_INVALID,
			"%s: pull-from-mirror is for a mirror, not for the registry '%s'", what,
			prefix);
	if (!location && !wildcard)
		location = prefix;
	const char *digest = strchr(prefix, '@');
	AUTO_FREE char *bare = NULL;
	if ((rc = strip_digest(prefix, digest, what, &bare, err)) < 0 ||
		(location && (rc = strip_digest(location, digest, what, &r->location, err)) < 0))
		return rc;
	r->token_service = service ? xstrdup(service) : NULL;
	/* a digest goes with it */
	r->prefix = digest ? xstrdup(prefix) : take(bare);
	return parse_mirrors(mirrors, what, r, err);
}

/* What one file says of a location, under whatever prefixes, does not contradict itself. */
static int check_conflict(
	const struct registries *rs, const struct registry *r, const char *what, struct err *err)
{
	for (size_t i = 0; i < rs->n; i++) {
		const struct registry *o = &rs->r[i];
		if (o->text != r->text || !streq_null(o->location, r->location) ||
			(!r->location && !streq(o->prefix, r->prefix)) ||
			(o->insecure == r->insecure && o->blocked == r->blocked))
			continue;
		return err_set(err, ERR_INVALID,
			"%s: registry '%s' is defined multiple times with conflicting '%s' setting",
			what, r->location ? r->location : r->prefix,
			o->insecure != r->insecure ? "insecure" : "blocked");
	}
	return 0;
}

/* A later file replaces the table of the same prefix. */
static int add_registry(
	struct registries *rs, const struct json *j, const char *what, struct err *err)
{
	struct registry r = {.text = rs->n_texts};
	int rc = parse_registry(j, what, &r, err);
	if (rc == 0)
		rc = check_conflict(rs, &r, what, err);
	if (rc == 0 && rs->n >= REGISTRIES_MAX)
		rc = err_set(err, ERR_LIMIT, "%s: more than %d registries", what, REGISTRIES_MAX);
	if (rc < 0) {
		registry_done(&r);
		return rc;
	}
	for (size_t i = 0; i < rs->n; i++) {
		if (streq(rs->r[i].prefix, r.prefix)) {
			registry_done(&rs->r[i]);
			rs->r[i] = r;
			return 0;
		}
	}
	rs->r = xreallocarray(rs->r, rs->n + 1, sizeof(*rs->r));
	rs->r[rs->n++] = r;
	return 0;
}

static int parse_helpers(
	struct registries *rs, const struct json *top, const char *what, struct err *err)
{
	AUTO_STRV struct strv helpers = STRV_INIT;
	if (!json_get(top, "credential-helpers"))
		return 0;
	if (json_get_strv(top, what, "credential-helpers", &helpers, err) < 0)
		return err->code;
	STRV_FOREACH (helper, &helpers) {
		if (!streq(*helper, CREDENTIAL_FILES) && !auth_helper_is_name(*helper))
			return err_set(err, ERR_INVALID,
				"%s: credential-helpers: '%.64s' is not a name of a credential "
				"helper",
				what, *helper);
	}
	strv_done(&rs->helpers);
	strv_copy(&rs->helpers, &helpers);
	return 0;
}

static int parse_short_names(
	struct registries *rs, const struct json *top, const char *what, struct err *err)
{
	const char *mode = NULL;
	AUTO_MAP struct map aliases = MAP_INIT;
	if (json_get_string(top, what, "short-name-mode", &mode, err) < 0 ||
		json_get_map(top, what, "aliases", &aliases, err) < 0)
		return err->code;
	if (mode && streq(mode, "enforcing"))
		rs->short_names = SHORT_NAMES_ENFORCING;
	else if (mode && streq(mode, "disabled"))
		rs->short_names = SHORT_NAMES_DISABLED;
	else if (mode && *mode && !streq(mode, "permissive"))
		return err_set(err, ERR_INVALID, "%s: unknown short-name-mode '%s'", what, mode);
	MAP_FOREACH (a, &aliases) {
		if (a->value && *a->value)
			map_set(&rs->aliases, a->key, a->value);
		else
			(void)map_remove(&rs->aliases, a->key);
	}
	if (json_get(top, "unqualified-search-registries")) {
		AUTO_STRV struct strv search = STRV_INIT;
		if (json_get_strv(top, what, "unqualified-search-registries", &search, err) < 0)
			return err->code;
		STRV_FOREACH (s, &search) {
			if (check_location(*s, what, NULL, err) < 0)
				return err->code;
		}
		strv_copy(&rs->search, &search);
		rs->search_said = true;
	}
	return 0;
}

static int read_section(const struct json *sections, const char *name, const char *what,
	struct strv *ret, struct err *err)
{
	const struct json *section = json_get(sections, name);

	if (section && !json_is(section, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s: 'registries.%s' is not a table", what, name);
	if (section && json_get_strv(section, what, "registries", ret, err) < 0)
		return err->code;
	STRV_FOREACH (location, ret) {
		if (check_location(*location, what, NULL, err) < 0)
			return err->code;
	}
	return 0;
}

/* NULL: an error */
static struct registry *find_or_add(
	struct registries *rs, const char *location, const char *what, struct err *err)
{
	AUTO_JSON struct json *table = json_new_object();

	for (size_t i = 0; i < rs->n; i++) {
		if (streq(rs->r[i].prefix, location))
			return &rs->r[i];
	}
	json_set_string(table, "location", location);
	return add_registry(rs, table, what, err) < 0 ? NULL : &rs->r[rs->n - 1];
}

/* [registries.search], [registries.insecure], [registries.block]: lists of registries. */
static int parse_version_1(
	struct registries *rs, const struct json *sections, const char *what, struct err *err)
{
	AUTO_STRV struct strv search = STRV_INIT, insecure = STRV_INIT, block = STRV_INIT;

	if (!json_is(sections, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s: 'registries' is not a table", what);
	if (read_section(sections, "search", what, &search, err) < 0 ||
		read_section(sections, "insecure", what, &insecure, err) < 0 ||
		read_section(sections, "block", what, &block, err) < 0)
		return err->code;
	strv_copy(&rs->search, &search);
	STRV_FOREACH (location, &insecure) {
		struct registry *r = find_or_add(rs, *location, what, err);
		if (!r)
			return err->code;
		r->insecure = true;
	}
	STRV_FOREACH (location, &block) {
		struct registry *r = find_or_add(rs, *location, what, err);
		if (!r)
			return err->code;
		r->blocked = true;
	}
	return 0;
}

int registries_add(
	struct registries *rs, const char *text, size_t n, const char *what, struct err *err)
{
	AUTO_JSON struct json *top = NULL;
	int r = toml_parse(text, n, what, &top, err);
	if (r < 0)
		return r;
	rs->n_texts++;
	if (json_get(top, "registries") &&
		(json_get(top, "registry") || json_get(top, "unqualified-search-registries")))
		return err_set(err, ERR_INVALID,
			"%s: mixing sysregistry v1/v2 is not supported: it has [registries.search] "
			"and its like, and [[registry]]",
			what);
	if (json_get(top, "registries"))
		return parse_version_1(rs, json_get(top, "registries"), what, err);
	struct json *list = NULL;
	if (json_get_kind(top, what, "registry", JSON_KIND_ARRAY, &list, err) < 0)
		return err->code;
	for (size_t i = 0; i < json_size(list); i++) {
		r = add_registry(rs, json_at(list, i), what, err);
		if (r < 0)
			return r;
	}
	if (parse_helpers(rs, top, what, err) < 0)
		return err->code;
	return parse_short_names(rs, top, what, err);
}

bool registries_trust(const struct registries *rs, const char *registry, const char *service)
{
	size_t n = strlen(registry);
	for (size_t i = 0; i < rs->n; i++) {
		const struct registry *r = &rs->r[i];
		if (r->token_service && streq(r->token_service, service) && r->location &&
			strcspn(r->location, "/@") == n && memcmp(r->location, registry, n) == 0)
			return true;
	}
	return false;
}

void registries_done(struct registries *rs)
{
	for (size_t i = 0; i < rs->n; i++)
		registry_done(&rs->r[i]);
	free(rs->r);
	strv_done(&rs->search);
	strv_done(&rs->files);
	strv_done(&rs->helpers);
	strv_done(&rs->sources_blocked);
	strv_done(&rs->sources_allowed);
	strv_done(&rs->sources_insecure);
	map_done(&rs->aliases);
	*rs = (struct registries){0};
}

int registries_add_sources(struct registries *rs, const char *text, struct err *err)
{
	static const char what[] = "BUILD_REGISTRY_SOURCES";
	AUTO_JSON struct json *j = NULL;

	if (!text || !*text)
		return 0;
	if (json_parse(text, strlen(text), what, &j, err) < 0 ||
		json_get_strv(j, what, "blockedRegistries", &rs->sources_blocked, err) < 0 ||
		json_get_strv(j, what, "allowedRegistries", &rs->sources_allowed, err) < 0 ||
		json_get_strv(j, what, "insecureRegistries", &rs->sources_insecure, err) < 0)
		return err->code;
	return 0;
}
