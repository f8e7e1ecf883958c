/* SPDX-License-Identifier: Apache-2.0 */
/* The text of --output: CSV of KEY=VALUE, as encoding/csv reads one record. */
#include "build/output.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "build/csv.h"
#include "build/recompress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *name;
	enum output_type type;
	bool push;
} types[] = {
	{"local", OUTPUT_LOCAL, false},
	{"tar", OUTPUT_TAR, false},
	{"oci", OUTPUT_OCI, false},
	{"docker", OUTPUT_DOCKER, false},
	{"image", OUTPUT_IMAGE, false},
	{"registry", OUTPUT_IMAGE, true},
	{"cacheonly", OUTPUT_NONE, false},
};

static int parse_bool(const char *key, const char *value, bool *ret, struct err *err)
{
	*ret = true;
	if (*value && !num_bool(value, ret))
		return err_set(err, ERR_INVALID,
			"option '--output' is invalid: '%s=%s' is neither true nor false", key,
			value);
	return 0;
}

static int set_type(struct output *o, const char *value, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (streq(value, types[i].name)) {
			o->type = types[i].type;
			o->push |= types[i].push;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID,
		"option '--output' is invalid: 'type=%s' is not one of 'local', 'tar', 'oci', "
		"'docker', "
		"'image', 'registry', 'cacheonly'",
		value);
}

static int set_compression(struct output *o, const char *value, struct err *err)
{
	o->form.recompress = compression_named(value, &o->form.compression);
	if (o->form.recompress)
		return 0;
	return err_set(err, streq(value, "estargz") ? ERR_UNSUPPORTED : ERR_INVALID,
		"option '--output' is invalid: 'compression=%s' is not one of 'uncompressed', "
		"'gzip', 'zstd'",
		value);
}

static int set_level(struct output *o, const char *value, struct err *err)
{
	uint64_t n;
	if (!num_u64(value, COMPRESSION_LEVEL_MAX, &n))
		return err_set(err, ERR_INVALID,
			"option '--output' is invalid: 'compression-level=%s' is not a number from "
			"0 to 22",
			value);
	o->form.level = (int)n;
	return 0;
}

static void add_names(struct output *o, const char *value)
{
	AUTO_STRV struct strv names = STRV_INIT;
	strv_split(&names, value, ',');
	STRV_FOREACH (name, &names)
		if (**name)
			strv_add(&o->names, *name);
}

/* "annotation.K", "annotation-index.K", "annotation[linux/amd64].K", "annotation-manifest[...].K":
 * 1; else 0. */
static int set_annotation(struct output *o, const char *key, const char *value, struct err *err)
{
	static const char prefix[] = "annotation";
	size_t n = strlen(prefix);
	if (strncmp(key, prefix, n) != 0 || !strchr("-.[", key[n]) || !key[n])
		return 0;
	const char *rest = key + n + (key[n] == '-');
	const char *bracket = strchr(rest, ']');
	const char *dot = strchr(bracket ? bracket : rest, '.');
	if (!dot || !dot[1])
		return err_set(err, ERR_INVALID,
			"option '--output' is invalid: '%s' names no annotation after a dot", key);
	AUTO_FREE char *where = xstrndup(rest, (size_t)(dot - rest));
	AUTO_FREE char *text = xasprintf(
		"%s%s:%s=%s", *where == '[' || !*where ? "manifest" : "", where, dot + 1, value);
	return annotations_add(&o->form.annotations, text, err) < 0 ? err->code : 1;
}

struct key {
	const char *name;
	unsigned types; /* 1 << enum output_type */
	int (*set)(struct output *o, const char *key, const char *value, struct err *err);
};

#define FOR(type) (1u << (type))
#define IMAGES (FOR(OUTPUT_OCI) | FOR(OUTPUT_DOCKER) | FOR(OUTPUT_IMAGE))
#define FILES (FOR(OUTPUT_LOCAL) | FOR(OUTPUT_TAR))

static int key_name(struct output *o, const char *key, const char *value, struct err *err)
{
	(void)key;
	(void)err;
	add_names(o, value);
	return 0;
}

static int key_push(struct output *o, const char *key, const char *value, struct err *err)
{
	return parse_bool(key, value, &o->push, err);
}

static int key_by_digest(struct output *o, const char *key, const char *value, struct err *err)
{
	return parse_bool(key, value, &o->by_digest, err);
}

static int key_insecure(struct output *o, const char *key, const char *value, struct err *err)
{
	return parse_bool(key, value, &o->insecure, err);
}

static int key_store(struct output *o, const char *key, const char *value, struct err *err)
{
	bool store;
	int r = parse_bool(key, value, &store, err);
	if (r == 0)
		o->forget = !store;
	return r;
}

static int key_tar(struct output *o, const char *key, const char *value, struct err *err)
{
	bool tar;
	int r = parse_bool(key, value, &tar, err);
	if (r == 0 && !tar && o->type == OUTPUT_DOCKER)
		return err_set(err, ERR_UNSUPPORTED,
			"option '--output' is invalid: 'tar=false' is for 'type=oci': a docker "
			"archive is "
			"always a tar");
	if (r == 0)
		o->unpacked = !tar;
	return r;
}

static int key_split(struct output *o, const char *key, const char *value, struct err *err)
{
	bool split;
	int r = parse_bool(key, value, &split, err);
	if (r == 0)
		o->split = split ? SPLIT_YES : SPLIT_NO;
	return r;
}

static int key_compression(struct output *o, const char *key, const char *value, struct err *err)
{
	(void)key;
	return set_compression(o, value, err);
}

static int key_level(struct output *o, const char *key, const char *value, struct err *err)
{
	(void)key;
	return set_level(o, value, err);
}

static int key_force(struct output *o, const char *key, const char *value, struct err *err)
{
	return parse_bool(key, value, &o->form.recompress_all, err);
}

static int key_types(struct output *o, const char *key, const char *value, struct err *err)
{
	bool oci;
	int r = parse_bool(key, value, &oci, err);
	if (r == 0)
		o->form.types = oci ? TYPES_OCI : TYPES_DOCKER;
	return r;
}

/* What holds here always, or has nothing to act upon: layers of the store are unpacked, times are
 * never later than SOURCE_DATE_EPOCH, there are no layers that may not be distributed. */
static int key_ignored(struct output *o, const char *key, const char *value, struct err *err)
{
	bool ignored;
	(void)o;
	return parse_bool(key, value, &ignored, err);
}

static const struct key keys[] = {
	{"name", IMAGES, key_name},
	{"push", FOR(OUTPUT_IMAGE), key_push},
	{"push-by-digest", FOR(OUTPUT_IMAGE), key_by_digest},
	{"registry.insecure", FOR(OUTPUT_IMAGE), key_insecure},
	{"store", FOR(OUTPUT_IMAGE), key_store},
	{"tar", FOR(OUTPUT_OCI) | FOR(OUTPUT_DOCKER), key_tar},
	{"platform-split", FILES, key_split},
	{"compression", IMAGES, key_compression},
	{"compression-level", IMAGES, key_level},
	{"force-compression", IMAGES, key_force},
	{"oci-mediatypes", IMAGES, key_types},
	{"rewrite-timestamp", IMAGES, key_ignored},
	{"unpack", FOR(OUTPUT_IMAGE), key_ignored},
	{"name-canonical", FOR(OUTPUT_IMAGE), key_ignored},
	{"prefer-nondist-layers", IMAGES, key_ignored},
};

static int set_key(
	struct output *o, const char *type, const char *key, const char *value, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!streq(key, keys[i].name))
			continue;
		if (keys[i].types & FOR(o->type))
			return keys[i].set(o, key, value, err);
		return err_set(err, ERR_INVALID,
			"option '--output' is invalid: '%s' has no meaning for 'type=%s'", key,
			type);
	}
	int r = IMAGES & FOR(o->type) ? set_annotation(o, key, value, err) : 0;
	if (r != 0)
		return r < 0 ? r : 0;
	return err_set(err, ERR_INVALID,
		"option '--output' is invalid: '%s' is not known for 'type=%s'", key, type);
}

/* The type first: it says what the other keys may be. */
static int set_fields(struct output *o, const struct strv *fields, struct err *err)
{
	const char *type = NULL;
	STRV_FOREACH (f, fields) {
		if (!strchr(*f, '='))
			return err_set(err, ERR_INVALID,
				"option '--output' is invalid: '%s' is not KEY=VALUE", *f);
		const char *value;
		AUTO_FREE char *key = csv_key(*f, &value);
		if (streq(key, "type"))
			type = value;
	}
	if (!type)
		type = "local"; /* as buildah */
	if (set_type(o, type, err) < 0)
		return err->code;
	STRV_FOREACH (f, fields) {
		const char *value;
		AUTO_FREE char *key = csv_key(*f, &value);
		if (streq(key, "dest"))
			mem_replace(&o->dest, xstrdup(value));
		else if (!streq(key, "type") && set_key(o, type, key, value, err) < 0)
			return err->code;
	}
	return 0;
}

/* What the keys say together. */
static bool is_root(const char *path)
{
	struct stat st, root;
	return stat(path, &st) == 0 && stat("/", &root) == 0 && st.st_dev == root.st_dev &&
	       st.st_ino == root.st_ino;
}

static int check(struct output *o, struct err *err)
{
	bool archive = o->type == OUTPUT_TAR || o->type == OUTPUT_OCI;
	if (o->dest && !*o->dest)
		return err_set(err, ERR_INVALID,
			"option '--output' is invalid: '%s': 'dest' is empty", o->text);
	if (o->dest && (o->type == OUTPUT_IMAGE || o->type == OUTPUT_NONE))
		return err_set(err, ERR_INVALID,
			"option '--output' is invalid: '%s': 'dest' is for files; an image has a "
			"'name'",
			o->text);
	if ((o->type == OUTPUT_LOCAL || o->unpacked) && (!o->dest || streq(o->dest, "-")))
		return err_set(err, ERR_INVALID,
			"option '--output' is invalid: '%s' needs 'dest=DIRECTORY'", o->text);
	if ((o->type == OUTPUT_LOCAL || o->unpacked) && is_root(o->dest))
		return err_set(err, ERR_INVALID,
			"option '--output' is invalid: '%s': the files of an image in the root "
			"directory would replace those of this machine",
			o->text);
	if (!o->dest && archive)
		o->dest = xstrdup("-"); /* as buildx */
	if (o->form.recompress_all && !o->form.recompress)
		o->form.recompress = true;
	o->form.level = compression_level(o->form.compression, o->form.level);
	return 0;
}

int output_parse(const char *text, struct output *ret, struct err *err)
{
	AUTO_STRV struct strv fields = STRV_INIT;
	struct output o = {.text = xstrdup(text), .type = OUTPUT_LOCAL};
	o.form.compression = COMPRESSION_GZIP;
	o.form.level = -1;
	int r = csv_fields(text, &fields, err);
	if (r < 0)
		(void)err_wrap(err, "option '--output' is invalid: '%s'", text);
	if (r == 0 && fields.n == 1 && streq(fields.v[0], text) && !strchr(text, '=')) {
		o.type = streq(text, "-") ? OUTPUT_TAR : OUTPUT_LOCAL;
		o.dest = xstrdup(text);
	} else if (r == 0) {
		r = set_fields(&o, &fields, err);
	}
	if (r == 0)
		r = check(&o, err);
	if (r < 0) {
		output_done(&o);
		return r;
	}
	*ret = o;
	return 0;
}

void output_done(struct output *o)
{
	free(o->text);
	free(o->dest);
	strv_done(&o->names);
	annotations_done(&o->form.annotations);
	*o = (struct output){0};
}
