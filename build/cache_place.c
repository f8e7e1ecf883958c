/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache_place.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strv.h"
#include "build/csv.h"
#include "build/recompress.h"
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
	const char *digest = map_get(fields, "digest");
	if (!dir || !*dir)
		return err_set(err, ERR_INVALID, "type=local needs %s=DIRECTORY", key);
	if (strchr(dir, ':'))
		return err_set(err, ERR_INVALID, "'%s': the path must not have a ':'", dir);
	if (digest && *digest)
		p->location = xasprintf("oci:%s:@%s", dir, digest);
	else
		p->location = xasprintf("oci:%s:%s", dir, tag && *tag ? tag : CACHE_TAG);
	return 0;
}

/* Options of an export that say what happens anyway: OCI's types, a manifest and no index; layers
 * that are compressed otherwise are compressed anew. */
static bool is_always_so(const char *key)
{
	return streq(key, "oci-mediatypes") || streq(key, "image-manifest") ||
	       streq(key, "force-compression");
}

static int set_export_option(
	const char *key, const char *value, struct cache_place *p, bool *ret_known, struct err *err)
{
	bool yes;
	uint64_t n;
	*ret_known = true;
	if (streq(key, "mode") && (streq(value, "min") || streq(value, "max"))) {
		p->min = streq(value, "min");
	} else if (streq(key, "ignore-error") && num_bool(value, &yes)) {
		p->ignore_error = yes;
	} else if (streq(key, "compression")) {
		p->recompress = compression_named(value, &p->compression);
		if (!p->recompress)
			return err_set(err, streq(value, "estargz") ? ERR_UNSUPPORTED : ERR_INVALID,
				"'compression=%s' is not one of 'uncompressed', 'gzip', 'zstd'",
				value);
	} else if (streq(key, "compression-level") && num_u64(value, COMPRESSION_LEVEL_MAX, &n)) {
		p->level = (int)n;
	} else if (!is_always_so(key) || !num_bool(value, &yes) ||
		   (!yes && !streq(key, "force-compression"))) {
		*ret_known = false;
	}
	return 0;
}

static int set_options(const struct map *fields, bool to, const char *place, struct cache_place *p,
	struct err *err)
{
	bool local = !streq(place, "ref");
	MAP_FOREACH (f, fields) {
		bool known = false;
		if (streq(f->key, "type") || streq(f->key, place) ||
			(local && streq(f->key, "tag")) ||
			(local && !to && streq(f->key, "digest")))
			continue;
		if (to && set_export_option(f->key, f->value, p, &known, err) < 0)
			return err->code;
		if (!known)
			return err_set(err, ERR_UNSUPPORTED, "'%s=%s' is not supported here%s",
				f->key, f->value,
				streq(f->key, "registry.insecure") ? ": give --tls-verify=false"
								   : "");
	}
	if (p->level >= 0 && !p->recompress)
		p->compression = COMPRESSION_GZIP;
	p->recompress |= p->level >= 0;
	p->level = compression_level(p->compression, p->level);
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
	struct cache_place p = {.level = -1};
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
