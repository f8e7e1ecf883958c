/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/chunked_table.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/stream.h"
#include "base/zstd_stream.h"

#define PACKED_MAX (32 * MIB) /* of one, in memory: 500,000 files */
#define PLAIN_MAX (150 * MIB) /* without compression: what those who read it take */
#define NAMES_MIN 1024
#define CRC_ISO UINT64_C(0xd800000000000000)

struct document {
	struct writer to;
	struct buf packed;
	struct writer *zstd;
	uint64_t plain_size;
};

struct table {
	struct document toc, split;
	uint64_t n_toc, n_split; /* entries */
	uint64_t *names; /* hashes: an open table of n_slots, 0 is none */
	size_t n_names, n_slots;
};

/* --- documents --- */

static int document_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(&((struct document *)w)->packed, p, n);
	return 0;
}

static void document_init(struct document *d, int level)
{
	*d = (struct document){.to = {.write = document_write}};
	buf_init(&d->packed, PACKED_MAX);
	d->zstd = writer_zstd(&d->to, level);
}

static void document_done(struct document *d)
{
	writer_free(d->zstd);
	buf_done(&d->packed);
}

static int document_add(struct document *d, const char *text, struct err *err)
{
	size_t n = strlen(text);

	d->plain_size += n;
	return writer_write(d->zstd, text, n, err);
}

static bool document_is_full(const struct document *d)
{
	return d->packed.toobig || d->plain_size > PLAIN_MAX;
}

struct table *table_new(int level)
{
	struct table *t = xcalloc(1, sizeof(*t));

	document_init(&t->toc, level);
	document_init(&t->split, level);
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	document_done(&t->toc);
	document_done(&t->split);
	free(t->names);
	free(t);
}

bool table_is_full(const struct table *t)
{
	return document_is_full(&t->toc) || document_is_full(&t->split);
}

/* --- names --- */

/* Its slot, or the one that it is to have. */
static uint64_t *slot(uint64_t *names, size_t n_slots, uint64_t hash)
{
	size_t at = hash % n_slots;

	while (names[at] && names[at] != hash)
		at = (at + 1) % n_slots;
	return &names[at];
}

static void grow(struct table *t)
{
	const size_t n = t->n_slots ? 2 * t->n_slots : NAMES_MIN;
	uint64_t *names = xcalloc(n, sizeof(*names));

	for (size_t i = 0; i < t->n_slots; i++)
		if (t->names[i])
			*slot(names, n, t->names[i]) = t->names[i];
	free(t->names);
	t->names = names;
	t->n_slots = n;
}

bool table_add_name(struct table *t, const char *name)
{
	AUTO_FREE char *clean = path_clean_rel(name);
	const struct digest d = digest_of(clean, strlen(clean));
	uint64_t hash;

	memcpy(&hash, d.b, sizeof(hash));
	hash |= !hash;
	if (2 * t->n_names >= t->n_slots)
		grow(t);
	uint64_t *at = slot(t->names, t->n_slots, hash);
	if (*at)
		return false;
	*at = hash;
	t->n_names++;
	return true;
}

/* --- the tar without contents --- */

uint64_t chunked_crc(uint64_t crc, const uint8_t *p, size_t n)
{
	static uint64_t table[UINT8_MAX + 1];

	for (unsigned i = 0; !table[UINT8_MAX] && i <= UINT8_MAX; i++) {
		uint64_t v = i;
		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ CRC_ISO : v >> 1;
		table[i] = v;
	}
	crc = ~crc;
	for (size_t i = 0; i < n; i++)
		crc = table[(uint8_t)crc ^ p[i]] ^ crc >> 8;
	return ~crc;
}

int table_add_segment(struct table *t, const struct buf *bytes, struct err *err)
{
	AUTO_FREE char *payload = base64_encode(bytes->data, bytes->len);
	AUTO_FREE char *line = xasprintf("{\"type\":2,\"payload\":\"%s\",\"position\":%llu}\n",
		payload, (unsigned long long)t->n_split++);

	return document_add(&t->split, line, err);
}

static int split_file(struct table *t, const struct chunked_file *f, struct err *err)
{
	AUTO_JSON struct json *o = json_new_object();
	const uint64_t big = htobe64(f->crc);
	AUTO_FREE char *crc = f->size ? base64_encode(&big, sizeof(big)) : NULL;

	json_set_int(o, "type", 1);
	json_set(o, "name", json_ref(json_get(f->entry, "name")));
	if (f->size)
		json_set_int(o, "size", (int64_t)f->size);
	json_set(o, "payload", crc ? json_new_string(crc) : json_new_null());
	json_set_int(o, "position", (int64_t)t->n_split++);
	AUTO_FREE char *text = json_dump(o, 0);
	AUTO_FREE char *line = xasprintf("%s\n", text);
	return document_add(&t->split, line, err);
}

/* --- the table --- */

static int toc_add(struct table *t, const struct json *o, struct err *err)
{
	AUTO_FREE char *text = json_dump(o, 0);
	const char *before = t->n_toc++ ? "," : "{\"version\":1,\"entries\":[";

	return document_add(&t->toc, before, err) < 0 ? err->code
	                                              : document_add(&t->toc, text, err);
}

static void set_chunk(struct json *o, const struct chunk *k)
{
	char digest[DIGEST_STR_MAX];

	json_set_int(o, "offset", (int64_t)k->offset);
	json_set_int(o, "chunkSize", (int64_t)k->size);
	json_set_int(o, "chunkOffset", (int64_t)k->at);
	json_set_string(o, "chunkDigest", digest_str(&k->digest, digest));
	if (k->zeros)
		json_set_string(o, "chunkType", "zeros");
}

/* The file, and its chunks where there are several. */
static int toc_file(struct table *t, const struct chunked_file *f, struct err *err)
{
	char digest[DIGEST_STR_MAX];

	if (f->size) {
		json_set_string(f->entry, "digest", digest_str(&f->digest, digest));
		json_set_int(f->entry, "offset", (int64_t)f->chunks[0].offset);
		json_set_int(f->entry, "endOffset", (int64_t)f->end);
	}
	if (f->n_chunks > 1)
		set_chunk(f->entry, &f->chunks[0]);
	int r = toc_add(t, f->entry, err);
	for (size_t i = 1; i < f->n_chunks && r == 0; i++) {
		AUTO_JSON struct json *o = json_new_object();
		json_set_string(o, "type", "chunk");
		json_set(o, "name", json_ref(json_get(f->entry, "name")));
		set_chunk(o, &f->chunks[i]);
		r = toc_add(t, o, err);
	}
	return r;
}

int table_add_file(struct table *t, struct chunked_file *f, struct err *err)
{
	const int r = split_file(t, f, err);

	return r < 0 ? r : toc_file(t, f, err);
}

static struct table_document document_of(const struct document *d)
{
	return (struct table_document){d->packed.data, d->packed.len, d->plain_size};
}

int table_end(struct table *t, struct table_document *ret_toc, struct table_document *ret_split,
	struct err *err)
{
	char text[DIGEST_STR_MAX];

	if (writer_finish(t->split.zstd, err) < 0)
		return err->code;
	*ret_split = document_of(&t->split);
	const struct digest digest = digest_of(ret_split->data, ret_split->size);
	AUTO_FREE char *end = xasprintf("%s],\"tarSplitDigest\":\"%s\"}",
		t->n_toc ? "" : "{\"version\":1,\"entries\":[", digest_str(&digest, text));
	if (document_add(&t->toc, end, err) < 0 || writer_finish(t->toc.zstd, err) < 0)
		return err->code;
	*ret_toc = document_of(&t->toc);
	return 0;
}
