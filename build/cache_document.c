/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache_document.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/media_type.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1

static const char *const layer_types[] = {
	[COMPRESSION_NONE] = MT_OCI_LAYER,
	[COMPRESSION_GZIP] = MT_OCI_LAYER_GZIP,
	[COMPRESSION_ZSTD] = MT_OCI_LAYER_ZSTD,
};

static bool parse_compression(const char *media_type, enum compression *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(layer_types); i++)
		if (streq(media_type, layer_types[i])) {
			*ret = (enum compression)i;
			return true;
		}
	return false;
}

static int get_hex(const struct json *j, const char *name, struct digest *ret, struct err *err)
{
	const char *hex = NULL;
	int r = json_get_string(j, "cache", name, &hex, err);
	if (r == 0 && (!hex || !digest_parse_hex(hex, ret)))
		r = err_set(err, ERR_INVALID, "cache: '%s' is not a digest", name);
	return r;
}

static int get_size(const struct json *j, const char *name, uint64_t *ret, struct err *err)
{
	int64_t v = 0;
	int r = json_get_int(j, "cache", name, &v, err);
	if (r == 0 && v < 0)
		r = err_set(err, ERR_INVALID, "cache: '%s' is negative", name);
	if (r == 0)
		*ret = (uint64_t)v;
	return r;
}

static int parse_layer(
	const struct json *j, const struct manifest *m, struct record *r, struct err *err)
{
	const char *diff_id = NULL;
	int64_t index = -1;
	struct layer *l = &r->layer;
	int e = json_get_int(j, "cache", "layer", &index, err);
	if (e < 0 || !json_get(j, "layer"))
		return e;
	if (index < 0 || (uint64_t)index >= m->n_layers)
		return err_set(err, ERR_INVALID, "cache: there is no layer %lld", (long long)index);
	const struct descriptor *d = &m->layers[index];
	if (d->has_urls || !parse_compression(d->media_type, &r->compression))
		return err_set(
			err, ERR_UNSUPPORTED, "cache: a layer is of type '%s'", d->media_type);
	if ((e = json_get_string(j, "cache", "diffId", &diff_id, err)) < 0)
		return e;
	if (!diff_id)
		return err_set(err, ERR_INVALID, "cache: a layer has no 'diffId'");
	if ((e = digest_parse(diff_id, &l->diff_id, err)) < 0 ||
		(e = get_size(j, "diffSize", &l->diff_size, err)) < 0 ||
		(e = get_size(j, "content", &l->content, err)) < 0 ||
		(e = get_size(j, "entries", &l->entries, err)) < 0)
		return e;
	l->blob = d->digest;
	l->blob_size = d->size;
	r->has_layer = true;
	return 0;
}

static int parse_entry(
	const struct json *j, const struct manifest *m, struct cache_entry *ret, struct err *err)
{
	struct cache_entry c = {0};
	uint64_t ns = 0;
	int r = get_hex(j, "key", &c.key, err);
	if (r == 0)
		r = parse_layer(j, m, &c.record, err);
	if (r == 0)
		r = json_get_int(j, "cache", "created", &c.record.created_s, err);
	if (r == 0)
		r = get_size(j, "createdNs", &ns, err);
	if (r == 0 && (ns > 999999999 || c.record.created_s < 0 ||
			      c.record.created_s > 253402300799)) /* the year 9999 */
		r = err_set(err, ERR_INVALID, "cache: 'created' is out of range");
	c.record.created_ns = (uint32_t)ns;
	if (r == 0)
		*ret = c;
	return r;
}

static int by_key(const void *a, const void *b)
{
	return digest_cmp(
		&((const struct cache_entry *)a)->key, &((const struct cache_entry *)b)->key);
}

static int by_inputs_key(const void *a, const void *b)
{
	return digest_cmp(
		&((const struct cache_inputs *)a)->key, &((const struct cache_inputs *)b)->key);
}

static int get_list(const struct json *j, const char *name, struct json **ret, struct err *err)
{
	int r = json_get_kind(j, "cache", name, JSON_KIND_ARRAY, ret, err);
	if (r == 0 && json_size(*ret) > CACHE_RECORDS_MAX)
		r = err_set(err, ERR_LIMIT, "cache: more than %d '%s'", CACHE_RECORDS_MAX, name);
	return r;
}

static int parse_members(
	const struct json *j, const struct manifest *m, struct cache_document *d, struct err *err)
{
	struct json *records = NULL, *inputs = NULL;
	int64_t version = 0;
	int r = json_get_int(j, "cache", "version", &version, err);
	if (r == 0 && version != VERSION)
		r = err_set(err, ERR_UNSUPPORTED, "cache: version %lld, %d is supported",
			(long long)version, VERSION);
	if (r < 0 || (r = get_list(j, "records", &records, err)) < 0 ||
		(r = get_list(j, "inputs", &inputs, err)) < 0)
		return r;
	d->e = xcalloc(json_size(records) + 1, sizeof(*d->e));
	d->in = xcalloc(json_size(inputs) + 1, sizeof(*d->in));
	for (size_t i = 0; i < json_size(records); i++) {
		if ((r = parse_entry(json_at(records, i), m, &d->e[d->n], err)) < 0)
			return r;
		d->n++;
	}
	for (size_t i = 0; i < json_size(inputs); i++) {
		const struct json *one = json_at(inputs, i);
		struct cache_inputs *in = &d->in[d->n_in];
		if ((r = get_hex(one, "key", &in->key, err)) < 0 ||
			(r = get_hex(one, "inputs", &in->inputs, err)) < 0)
			return r;
		d->n_in++;
	}
	qsort(d->e, d->n, sizeof(*d->e), by_key);
	qsort(d->in, d->n_in, sizeof(*d->in), by_inputs_key);
	return 0;
}

int cache_document_parse(const char *text, size_t n, const struct manifest *m,
	struct cache_document *ret, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	struct cache_document d = {0};
	if (!streq(m->config.media_type, CACHE_CONFIG_TYPE))
		return err_set(err, ERR_UNSUPPORTED, "it is not a cache that mica has written");
	int r = json_parse(text, n, "cache", &j, err);
	if (r == 0 && !json_is(j, JSON_KIND_OBJECT))
		r = err_set(err, ERR_INVALID, "cache: it is not an object");
	if (r == 0)
		r = parse_members(j, m, &d, err);
	if (r < 0) {
		cache_document_done(&d);
		return r;
	}
	*ret = d;
	return 0;
}

void cache_document_done(struct cache_document *d)
{
	free(d->e);
	free(d->in);
	*d = (struct cache_document){0};
}

const struct record *cache_document_find(const struct cache_document *d, const struct digest *key)
{
	const struct cache_entry want = {.key = *key};
	const struct cache_entry *e =
		d->n ? bsearch(&want, d->e, d->n, sizeof(want), by_key) : NULL;
	return e ? &e->record : NULL;
}

const struct digest *cache_document_inputs(const struct cache_document *d, const struct digest *key)
{
	const struct cache_inputs want = {.key = *key};
	const struct cache_inputs *in =
		d->n_in ? bsearch(&want, d->in, d->n_in, sizeof(want), by_inputs_key) : NULL;
	return in ? &in->inputs : NULL;
}

void cache_document_add(struct cache_document *d, const struct digest *key, const struct record *r)
{
	for (size_t i = 0; i < d->n; i++)
		if (digest_equal(&d->e[i].key, key))
			return;
	if (d->n == CACHE_RECORDS_MAX)
		return;
	d->e = xreallocarray(d->e, d->n + 1, sizeof(*d->e));
	d->e[d->n++] = (struct cache_entry){.key = *key, .record = *r};
	d->e[d->n - 1].record.inputs = NULL;
}

void cache_document_add_inputs(
	struct cache_document *d, const struct digest *key, const struct digest *inputs)
{
	for (size_t i = 0; i < d->n_in; i++)
		if (digest_equal(&d->in[i].key, key))
			return;
	if (d->n_in == CACHE_RECORDS_MAX)
		return;
	d->in = xreallocarray(d->in, d->n_in + 1, sizeof(*d->in));
	d->in[d->n_in++] = (struct cache_inputs){.key = *key, .inputs = *inputs};
}

/* Its index in the manifest; CACHE_LAYERS_MAX: there is no room. */
static size_t layer_index(struct manifest *m, const struct record *r)
{
	for (size_t i = 0; i < m->n_layers; i++)
		if (digest_equal(&m->layers[i].digest, &r->layer.blob))
			return i;
	if (m->n_layers == CACHE_LAYERS_MAX)
		return CACHE_LAYERS_MAX;
	struct descriptor d = {.digest = r->layer.blob, .size = r->layer.blob_size};
	char *type = xstrdup(layer_types[r->compression]);
	d.media_type = type;
	manifest_add_layer(m, &d);
	free(type);
	return m->n_layers - 1;
}

static void set_hex(struct json *j, const char *name, const struct digest *d)
{
	char hex[DIGEST_STR_MAX];
	json_set_string(j, name, digest_hex(d, hex));
}

static struct json *entry_json(const struct cache_entry *e, struct manifest *m)
{
	const struct record *r = &e->record;
	char text[DIGEST_STR_MAX];
	size_t layer = r->has_layer ? layer_index(m, r) : 0;
	if (layer == CACHE_LAYERS_MAX)
		return NULL;
	struct json *j = json_new_object();
	set_hex(j, "key", &e->key);
	if (r->has_layer) {
		json_set_int(j, "layer", (int64_t)layer);
		json_set_string(j, "diffId", digest_str(&r->layer.diff_id, text));
		json_set_int(j, "diffSize", (int64_t)r->layer.diff_size);
		json_set_int(j, "content", (int64_t)r->layer.content);
		json_set_int(j, "entries", (int64_t)r->layer.entries);
	}
	json_set_int(j, "created", r->created_s);
	json_set_int(j, "createdNs", r->created_ns);
	return j;
}

char *cache_document_dump(const struct cache_document *d, struct manifest *m)
{
	AUTO_JSON struct json *j = json_new_object();
	struct json *records = json_new_array(), *inputs = json_new_array();
	for (size_t i = 0; i < d->n; i++) {
		struct json *one = entry_json(&d->e[i], m);
		if (one)
			json_add(records, one);
	}
	for (size_t i = 0; i < d->n_in; i++) {
		struct json *one = json_new_object();
		set_hex(one, "key", &d->in[i].key);
		set_hex(one, "inputs", &d->in[i].inputs);
		json_add(inputs, one);
	}
	json_set_int(j, "version", VERSION);
	json_set(j, "records", records);
	json_set(j, "inputs", inputs);
	return json_dump(j, 0);
}
