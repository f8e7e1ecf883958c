/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache_place.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/mounts.h"
#include "image/reference.h"

#include <stdlib.h>
#include <string.h>

static int parse_fields(const char *text, struct map *ret, struct err *err)
{
	AUTO_STRV struct strv fields = STRV_INIT;
	int r = csv_fields(text, &fields, err);
	STRV_FOREACH (f, &fields) {
		const char *value;
		AUTO_FREE char *key = csv_key(*f, &value);
		if (r == 0 && (!value || !*key))
			r = err_set(err, ERR_INVALID, "'%s' is not KEY=VALUE", *f);
		if (r < 0)
			return r;
		map_set(ret, key, value);
	}
	return r;
}

static int set_registry(const char *text, struct cache_place *p, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};
	int r = reference_parse(text, &ref, err);
	if (r < 0)
		return r;
	if (!ref.tag && !ref.has_digest)
		ref.tag = xstrdup(CACHE_TAG);
	AUTO_FREE char *name = reference_str(&ref);
	p->location = xasprintf("docker://%s", name);
	return 0;
}

/* The layout's entry has a name of its own, so that one directory may hold images too. */
static int set_local(
	const struct map *fields, const char *key, struct cache_place *p, struct err *err)
{
	const char *dir = map_get(fields, key), *tag = map_get(fields, "tag");
	if (!dir || !*dir)
		return err_set(err, ERR_INVALID, "type=local needs %s=DIRECTORY", key);
	if (strchr(dir, ':'))
		return err_set(err, ERR_INVALID, "'%s': the path must not have a ':'", dir);
	p->location = xasprintf("oci:%s:%s", dir, tag && *tag ? tag : CACHE_TAG);
	return 0;
}

/* Options of an export that say what happens anyway. */
static bool says_nothing(const char *key, const char *value)
{
	return (streq(key, "oci-mediatypes") || streq(key, "image-manifest")) &&
	       streq(value, "true");
}

static int set_options(const struct map *fields, bool to, const char *place, struct cache_place *p,
	struct err *err)
{
	MAP_FOREACH (f, fields) {
		if (streq(f->key, "type") || streq(f->key, place) ||
			(streq(f->key, "tag") && !streq(place, "ref")))
			continue;
		if (to && streq(f->key, "mode") &&
			(streq(f->value, "min") || streq(f->value, "max")))
			p->min = streq(f->value, "min");
		else if (to && streq(f->key, "ignore-error") &&
			 (streq(f->value, "true") || streq(f->value, "false")))
			p->ignore_error = streq(f->value, "true");
		else if (!to || !says_nothing(f->key, f->value))
			return err_set(err, ERR_UNSUPPORTED, "'%s=%s' is not supported here",
				f->key, f->value);
	}
	return 0;
}

static int parse(const char *text, bool to, struct cache_place *p, struct err *err)
{
	AUTO_MAP struct map fields = MAP_INIT;
	if (!strchr(text, '='))
		return set_registry(text, p, err);
	int r = parse_fields(text, &fields, err);
	if (r < 0)
		return r;
	const char *type = map_get(&fields, "type"), *ref = map_get(&fields, "ref");
	const char *place = "ref";
	if (!type)
		return err_set(err, ERR_INVALID, "there is no type=");
	if (streq(type, "registry") && ref && *ref) {
		r = set_registry(ref, p, err);
	} else if (streq(type, "registry")) {
		r = err_set(err, ERR_INVALID, "type=registry needs ref=REFERENCE");
	} else if (streq(type, "local")) {
		place = to ? "dest" : "src";
		r = set_local(&fields, place, p, err);
	} else if (streq(type, "inline")) {
		r = err_set(err, ERR_UNSUPPORTED,
			"type=inline is not supported: a cache is no part of an image here; use "
			"type=registry with a tag of its own");
	} else if (streq(type, "gha") || streq(type, "s3") || streq(type, "azblob")) {
		r = err_set(err, ERR_UNSUPPORTED,
			"type=%s is not supported; use type=local and let the service keep the "
			"directory",
			type);
	} else {
		r = err_set(err, ERR_INVALID, "type '%s' is not one of 'registry', 'local'", type);
	}
	return r < 0 ? r : set_options(&fields, to, place, p, err);
}

int cache_place_parse(const char *text, bool to, struct cache_place *ret, struct err *err)
{
	struct cache_place p = {0};
	int r = parse(text, to, &p, err);
	if (r < 0) {
		cache_place_done(&p);
		return err_wrap(err, "option '--cache-%s': '%s'", to ? "to" : "from", text);
	}
	*ret = p;
	return 0;
}

void cache_place_done(struct cache_place *p)
{
	free(p->location);
	*p = (struct cache_place){0};
}
