/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/toml.h"
#include "image/reference.h"

#define REGISTRIES_MAX 4096 /* tables in all files */
#define DROP_INS_MAX 256
#define LOCATION_MAX 512

static void registry_done(struct registry *r)
{
	for (size_t i = 0; i < r->n_mirrors; i++)
		free(r->mirrors[i].location);
	free(r->mirrors);
	free(r->prefix);
	free(r->location);
	*r = (struct registry){0};
}

/* "host[:port][/path]" as a user writes it: docker.io stays as it is, a scheme or blanks are
 * errors. */
static int check_location(const char *location, const char *what, struct err *err)
{
	size_t n = strlen(location);
	if (n == 0 || n > LOCATION_MAX || strstr(location, "://") ||
		strpbrk(location, " \t\r\n?#@\\\"'") || location[0] == '/' ||
		location[n - 1] == '/' || strstr(location, ".."))
		return err_set(err, ERR_INVALID,
			"%s: '%s' is not a location of the form host[:port][/path]", what,
			location);
	return 0;
}

static int parse_mirror(const struct json *j, const char *what, struct mirror *ret, struct err *err)
{
	const char *location = NULL, *from = "all";
	if (json_get_string(j, what, "location", &location, err) < 0 ||
		json_get_string(j, what, "pull-from-mirror", &from, err) < 0 ||
		json_get_bool(j, what, "insecure", &ret->insecure, err) < 0)
		return err->code;
	if (!location)
		return err_set(err, ERR_INVALID, "%s: a mirror has no location", what);
	if (streq(from, "all") || !*from)
		ret->pull_from = PULL_FROM_ALL;
	else if (streq(from, "digest-only"))
		ret->pull_from = PULL_FROM_DIGEST_ONLY;
	else if (streq(from, "tag-only"))
		ret->pull_from = PULL_FROM_TAG_ONLY;
	else
		return err_set(err, ERR_INVALID, "%s: unknown pull-from-mirror '%s'", what, from);
	if (check_location(location, what, err) < 0)
		return err->code;
	ret->location = xstrdup(location);
	return 0;
}

static int parse_mirrors(
	const struct json *list, const char *what, struct registry *r, struct err *err)
{
	size_t n = json_size(list);
	if (n > REGISTRIES_MAX)
		return err_set(err, ERR_LIMIT, "%s names too many mirrors", what);
	r->mirrors = xcalloc(n ? n : 1, sizeof(*r->mirrors));
	for (size_t i = 0; i < n; i++) {
		int rc = parse_mirror(json_at(list, i), what, &r->mirrors[i], err);
		if (rc < 0)
			return rc;
		r->n_mirrors++;
	}
	return 0;
}

static int parse_registry(
	const struct json *j, const char *what, struct registry *r, struct err *err)
{
	const char *prefix = NULL, *location = NULL;
	struct json *mirrors = NULL;
	if (!json_is(j, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "%s: 'registry' is not an array of tables", what);
	int rc;
	if ((rc = json_get_string(j, what, "prefix", &prefix, err)) < 0 ||
		(rc = json_get_string(j, what, "location", &location, err)) < 0 ||
		(rc = json_get_bool(j, what, "insecure", &r->insecure, err)) < 0 ||
		(rc = json_get_bool(j, what, "blocked", &r->blocked, err)) < 0 ||
		(rc = json_get_bool(
			 j, what, "mirror-by-digest-only", &r->mirror_by_digest_only, err)) < 0 ||
		(rc = json_get_kind(j, what, "mirror", JSON_KIND_ARRAY, &mirrors, err)) < 0)
		return rc;
	if (location && !*location)
		location = NULL;
	if (!prefix || !*prefix)
		prefix = location;
	if (!prefix)
		return err_set(
			err, ERR_INVALID, "%s: a registry has neither prefix nor location", what);
	bool wildcard = str_has_prefix(prefix, "*.");
	if (wildcard && strchr(prefix, '/'))
		return err_set(
			err, ERR_INVALID, "%s: '%s' has a path after its wildcard", what, prefix);
	if (!location && !wildcard)
		location = prefix;
	if ((rc = check_location(prefix, what, err)) < 0 ||
		(location && (rc = check_location(location, what, err)) < 0))
		return rc;
	r->prefix = xstrdup(prefix);
	r->location = location ? xstrdup(location) : NULL;
	return parse_mirrors(mirrors, what, r, err);
}

/* A later file replaces the table of the same prefix. */
static int add_registry(
	struct registries *rs, const struct json *j, const char *what, struct err *err)
{
	struct registry r = {0};
	int rc = parse_registry(j, what, &r, err);
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

/* Which helpers there are is said by auth.json alone. */
static int check_helpers(const struct json *top, const char *what, struct err *err)
{
	AUTO_STRV struct strv helpers = STRV_INIT;
	if (json_get_strv(top, what, "credential-helpers", &helpers, err) < 0)
		return err->code;
	STRV_FOREACH (helper, &helpers) {
		if (!streq(*helper, "containers-auth.json"))
			return err_set(err, ERR_UNSUPPORTED,
				"%s: credential-helpers names '%s': write it into credsStore or "
				"credHelpers of auth.json",
				what, *helper);
	}
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
			if (check_location(*s, what, err) < 0)
				return err->code;
		}
		strv_copy(&rs->search, &search);
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
		if (check_location(*location, what, err) < 0)
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
	if (check_helpers(top, what, err) < 0)
		return err->code;
	return parse_short_names(rs, top, what, err);
}

static int add_file(struct registries *rs, const char *path, bool must_exist, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read_file(AT_FDCWD, path, TOML_MAX, &text, &n, err);
	if (r == ERR_NOT_FOUND && !must_exist) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	log_debug("reading %s", path);
	return registries_add(rs, text, n, path, err);
}

static int add_drop_ins(struct registries *rs, const char *dir, struct err *err)
{
	DIR *d = opendir(dir);
	if (!d)
		return 0;
	AUTO_STRV struct strv names = STRV_INIT;
	for (struct dirent *e; (e = readdir(d)) && names.n < DROP_INS_MAX;)
		if (e->d_name[0] != '.' && str_has_suffix(e->d_name, ".conf"))
			strv_add(&names, e->d_name);
	closedir(d);
	strv_sort(&names);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = path_join(dir, *name);
		int r = add_file(rs, path, false, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* $XDG_CONFIG_HOME or ~/.config, with containers/NAME; NULL without a home. New string. */
static char *user_config(const char *name)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (xdg && *xdg == '/')
		return xasprintf("%s/containers/%s", xdg, name);
	return home && *home == '/' ? xasprintf("%s/.config/containers/%s", home, name) : NULL;
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

int registries_load(const char *path, const char *dir, struct registries *ret, struct err *err)
{
	struct registries rs = {0};
	int r;
	if (!path || !*path)
		path = getenv("CONTAINERS_REGISTRIES_CONF");
	if (path && *path) {
		r = add_file(&rs, path, true, err);
	} else {
		AUTO_FREE char *user = user_config("registries.conf");
		AUTO_FREE char *user_dir = user_config("registries.conf.d");
		bool has_user = user && access(user, F_OK) == 0;
		r = add_file(&rs, has_user ? user : "/etc/containers/registries.conf", false, err);
		if (r == 0 && !dir)
			r = add_drop_ins(&rs, "/etc/containers/registries.conf.d", err);
		if (r == 0 && !dir && user_dir)
			r = add_drop_ins(&rs, user_dir, err);
	}
	if (r == 0 && dir)
		r = add_drop_ins(&rs, dir, err);
	if (r == 0)
		r = registries_add_sources(&rs, getenv("BUILD_REGISTRY_SOURCES"), err);
	if (r < 0) {
		registries_done(&rs);
		return r;
	}
	*ret = rs;
	return 0;
}

/* Below `mica unshare` everybody is root: MICA_UID tells. New string, or NULL. */
static char *alias_cache(void)
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CACHE_HOME");
	if (geteuid() == 0 && !getenv("MICA_UID"))
		return xstrdup("/var/cache/containers/short-name-aliases.conf");
	if (xdg && *xdg == '/')
		return xasprintf("%s/containers/short-name-aliases.conf", xdg);
	return home && *home == '/'
	               ? xasprintf("%s/.cache/containers/short-name-aliases.conf", home)
	               : NULL;
}

int registries_aliases(struct registries *rs, const char *path, struct err *err)
{
	AUTO_FREE char *usual = path ? NULL : alias_cache();
	AUTO_REGISTRIES struct registries chosen = {0};
	if (!path)
		path = usual;
	int r = path ? add_file(&chosen, path, false, err) : 0;
	if (r == 0)
		map_merge(&rs->aliases, &chosen.aliases);
	return r;
}

void registries_done(struct registries *rs)
{
	for (size_t i = 0; i < rs->n; i++)
		registry_done(&rs->r[i]);
	free(rs->r);
	strv_done(&rs->search);
	strv_done(&rs->sources_blocked);
	strv_done(&rs->sources_allowed);
	strv_done(&rs->sources_insecure);
	map_done(&rs->aliases);
	*rs = (struct registries){0};
}

/* How many bytes of name ("host/path") the prefix stands for; 0: it does not match. */
static size_t match_length(const char *prefix, const char *name)
{
	if (str_has_prefix(prefix, "*.")) {
		size_t host = strcspn(name, ":/"), suffix = strlen(prefix + 1);
		if (host > suffix && memcmp(name + host - suffix, prefix + 1, suffix) == 0)
			return strcspn(name, "/");
		return 0;
	}
	size_t n = strlen(prefix);
	if (strncmp(name, prefix, n) != 0)
		return 0;
	return name[n] == '\0' || name[n] == '/' || name[n] == ':' || name[n] == '@' ? n : 0;
}

/* The longest prefix wins; a wildcard loses against any exact host. */
static const struct registry *find_registry(
	const struct registries *rs, const char *name, size_t *ret_matched)
{
	const struct registry *best = NULL;
	size_t best_length = 0;
	for (size_t i = 0; i < rs->n; i++) {
		size_t matched = match_length(rs->r[i].prefix, name);
		size_t length = strlen(rs->r[i].prefix);
		if (!str_has_prefix(rs->r[i].prefix, "*."))
			length += LOCATION_MAX;
		if (matched && length > best_length) {
			best = &rs->r[i];
			best_length = length;
			*ret_matched = matched;
		}
	}
	return best;
}

static void add_place(struct places *p, const char *name, bool insecure)
{
	size_t n = strcspn(name, "/");
	if (!name[n] || !name[n + 1])
		return;
	p->p = xreallocarray(p->p, p->n + 1, sizeof(*p->p));
	struct place *place = &p->p[p->n++];
	*place = (struct place){.auth_host = xstrndup(name, n), .insecure = insecure};
	const char *repository = name + n + 1;
	bool hub =
		streq(place->auth_host, "docker.io") || streq(place->auth_host, "index.docker.io");
	/* The Hub answers the protocol under another name, and its official images are below
	 * library/. */
	place->host = xstrdup(hub ? "registry-1.docker.io" : place->auth_host);
	place->repository = hub && !strchr(repository, '/') ? xasprintf("library/%s", repository)
	                                                    : xstrdup(repository);
}

/* Where a prefix that names a tag leads to: the same tag, said or not. *ret: without it; new
 * string. */
static int location_of_tag(
	const char *location, const struct reference *ref, char **ret, struct err *err)
{
	const char *slash = strrchr(location, '/'), *colon = slash ? strchr(slash, ':') : NULL;
	if (colon && !streq_null(colon + 1, ref->tag))
		return err_set(err, ERR_UNSUPPORTED,
			"registries.conf: '%s' is another tag than '%s', which is not supported",
			location, ref->tag ? ref->tag : "");
	*ret = colon ? xstrndup(location, (size_t)(colon - location)) : xstrdup(location);
	return 0;
}

/* What the name is there: its part behind the prefix follows. New string. */
static int name_at(const char *location, const struct reference *ref, const char *name,
	size_t matched, char **ret, struct err *err)
{
	if (matched > strlen(name))
		return location_of_tag(location, ref, ret, err);
	*ret = xasprintf("%s%s", location, name + matched);
	return 0;
}

static bool mirror_serves(const struct registry *r, const struct mirror *m, bool by_digest)
{
	if (r->mirror_by_digest_only)
		return by_digest;
	return m->pull_from == PULL_FROM_ALL ||
	       (m->pull_from == PULL_FROM_DIGEST_ONLY) == by_digest;
}

static int check_sources(const struct registries *rs, const char *host, struct err *err)
{
	static const char where[] = "$BUILD_REGISTRY_SOURCES";

	if (strv_has(&rs->sources_blocked, host))
		return err_set(err, ERR_DENIED,
			"registry \"%s\" denied by policy: it is in the blocked registries list of "
			"%s",
			host, where);
	if (rs->sources_allowed.n && !strv_has(&rs->sources_allowed, host))
		return err_set(err, ERR_DENIED,
			"registry \"%s\" denied by policy: not in allowed registries list of %s",
			host, where);
	return 0;
}

int registries_places(const struct registries *rs, const struct reference *ref, bool pull,
	struct places *ret, struct err *err)
{
	AUTO_FREE char *name = reference_name(ref);
	AUTO_FREE char *tagged = ref->tag ? xasprintf("%s:%s", name, ref->tag) : xstrdup(name);
	size_t matched = 0;
	const struct registry *r = find_registry(rs, tagged, &matched);
	AUTO_PLACES struct places places = {0};
	AUTO_FREE char *host = xstrndup(name, strcspn(name, "/"));
	if (r && r->blocked)
		return err_set(
			err, ERR_DENIED, "registry %s is blocked in registries.conf", r->prefix);
	if (check_sources(rs, host, err) < 0)
		return err->code;
	for (size_t i = 0; pull && r && i < r->n_mirrors; i++) {
		if (!mirror_serves(r, &r->mirrors[i], ref->has_digest))
			continue;
		AUTO_FREE char *there = NULL;
		if (name_at(r->mirrors[i].location, ref, name, matched, &there, err) < 0)
			return err->code;
		add_place(&places, there, r->mirrors[i].insecure);
	}
	AUTO_FREE char *there = NULL;
	if (name_at(r && r->location ? r->location : "", ref, name, r && r->location ? matched : 0,
		    &there, err) < 0)
		return err->code;
	add_place(&places, there, (r && r->insecure) || strv_has(&rs->sources_insecure, host));
	if (places.n == 0)
		return err_set(err, ERR_INVALID,
			"registries.conf turns '%s' into '%s', which is no repository", name,
			there);
	*ret = places;
	places = (struct places){0};
	return 0;
}

void places_done(struct places *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->p[i].host);
		free(p->p[i].auth_host);
		free(p->p[i].repository);
	}
	free(p->p);
	*p = (struct places){0};
}

static int add_candidate(const char *name, const char *rest, struct strv *ret, struct err *err)
{
	AUTO_FREE char *full = xasprintf("%s%s", name, rest);
	AUTO_REFERENCE struct reference ref = {0};
	int r = reference_parse(full, &ref, err);
	if (r < 0)
		return r;
	reference_default_tag(&ref);
	strv_add_take(ret, reference_str(&ref));
	return 0;
}

int registries_short_names(
	const struct registries *rs, const char *text, struct strv *ret, struct err *err)
{
	size_t n = strcspn(text, ":@");
	AUTO_FREE char *name = xstrndup(text, n);
	const char *alias = map_get(&rs->aliases, name);
	if (alias)
		return add_candidate(alias, text + n, ret, err);
	if (rs->search.n == 0)
		return add_candidate(text, "", ret, err);
	if (rs->search.n > 1 && rs->short_names == SHORT_NAMES_ENFORCING)
		return err_set(err, ERR_INVALID,
			"short name '%s' may stand for an image of any of %zu search registries; "
			"write the registry too, or add an alias to registries.conf",
			text, rs->search.n);
	STRV_FOREACH (host, &rs->search) {
		AUTO_FREE char *full = xasprintf("%s/%s", *host, name);
		int r = add_candidate(full, text + n, ret, err);
		if (r < 0)
			return r;
	}
	return 0;
}
