/* SPDX-License-Identifier: Apache-2.0 */
/* Which places a name stands for, and which names a short one may be. */
#include "registry/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"

#define EXACT_FIRST 512 /* more than the length of any prefix */

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
			length += EXACT_FIRST;
		if (matched && length > best_length) {
			best = &rs->r[i];
			best_length = length;
			*ret_matched = matched;
		}
	}
	return best;
}

/* A prefix that names the very image, then one that names its tag, then the longest. */
static const struct registry *find_registry_of(
	const struct registries *rs, const struct reference *ref, size_t *ret_matched)
{
	char text[DIGEST_STR_MAX];
	AUTO_FREE char *name = reference_name(ref);
	AUTO_FREE char *tagged = ref->tag ? xasprintf("%s:%s", name, ref->tag) : xstrdup(name);
	if (ref->has_digest) {
		AUTO_FREE char *image = xasprintf("%s@%s", name, digest_str(&ref->digest, text));
		const struct registry *r = find_registry(rs, image, ret_matched);
		if (r && *ret_matched > strlen(name))
			return r;
	}
	return find_registry(rs, tagged, ret_matched);
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

int registries_places(const struct registries *rs, const struct reference *ref, enum places_for use,
	struct places *ret, struct err *err)
{
	AUTO_FREE char *name = reference_name(ref);
	size_t matched = 0;
	const struct registry *r = find_registry_of(rs, ref, &matched);
	AUTO_PLACES struct places places = {0};
	AUTO_FREE char *host = xstrndup(name, strcspn(name, "/"));
	if (r && r->blocked)
		return err_set(
			err, ERR_DENIED, "registry %s is blocked in registries.conf", r->prefix);
	if (check_sources(rs, host, err) < 0)
		return err->code;
	for (size_t i = 0; use == PLACES_PULL && r && i < r->n_mirrors; i++) {
		if (!mirror_serves(r, &r->mirrors[i], ref->has_digest))
			continue;
		AUTO_FREE char *there = NULL;
		if (name_at(r->mirrors[i].location, ref, name, matched, &there, err) < 0)
			return err->code;
		add_place(&places, there, r->mirrors[i].insecure);
	}
	AUTO_FREE char *there = NULL;
	const char *location = r && use != PLACES_WRITE ? r->location : NULL;
	if (name_at(location ? location : "", ref, name, location ? matched : 0, &there, err) < 0)
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

bool registries_ask(const struct registries *rs, const char *text)
{
	AUTO_FREE char *name = xstrndup(text, strcspn(text, ":@"));
	return rs->search.n > 1 && rs->short_names != SHORT_NAMES_DISABLED &&
	       !map_has(&rs->aliases, name);
}

int registries_short_names(const struct registries *rs, const char *text, bool asked,
	struct strv *ret, struct err *err)
{
	size_t n = strcspn(text, ":@");
	AUTO_FREE char *name = xstrndup(text, n);
	const char *alias = map_get(&rs->aliases, name);
	if (alias)
		return add_candidate(alias, text + n, ret, err);
	if (rs->search.n == 0 && rs->search_said)
		return err_set(err, ERR_INVALID,
			"short name '%s' stands for nothing: it is no alias, and "
			"unqualified-search-registries is empty in registries.conf; write the "
			"registry too, for example docker.io/%s",
			text, text);
	if (rs->search.n == 0)
		return add_candidate(text, "", ret, err);
	if (!asked && rs->search.n > 1 && rs->short_names == SHORT_NAMES_ENFORCING)
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
