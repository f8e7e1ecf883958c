/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/chunked.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/zstd_stream.h"
#include "layers/chunk_cut.h"
#include "layers/chunked_header.h"
#include "layers/chunked_table.h"
#include "layers/ustar.h"

#define KEY "io.github.containers.zstd-chunked."
#define CHECKSUM KEY "manifest-checksum"
#define TABLE KEY "manifest-position"
#define SPLIT KEY "tarsplit-position"

#define SKIPPABLE 0x184d2a50U /* RFC 8878 3.1.2 */
#define SKIPPABLE_HEAD 8
#define FOOTER "GNUlInUx" /* the last bytes of the blob */
#define TABLE_TYPE 1
#define CHUNKS_MAX (1 << 18) /* of a file; the last one is the rest */

enum state {
	STATE_HEADER, /* the padding of the file before, and a header, are being collected */
	STATE_CONTENT,
	STATE_END, /* zeros only */
	STATE_PLAIN, /* there will be no table */
};

struct chunked {
	struct writer w;
	struct writer *below;
	struct writer counter; /* between zstd and below */
	uint64_t at; /* how much went below */
	struct writer *zstd;
	struct chunked_table *ret;
	enum state state;
	struct buf head; /* what is collected */
	size_t pad, wanted; /* zeros before the header; how much head is to have */
	struct table *table;
	/* the file that is being written */
	struct chunked_file file;
	uint64_t left;
	struct sha256 content, chunk;
	struct chunk now;
	struct chunk_cut cut;
};

/* --- the tar --- */

static int counter_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	struct chunked *c = (struct chunked *)((char *)w - offsetof(struct chunked, counter));

	c->at += n;
	return writer_write(c->below, p, n, err);
}

static void forget(struct chunked *c)
{
	table_free(c->table);
	json_free(c->file.entry);
	free(c->file.chunks);
	buf_done(&c->head);
	c->table = NULL;
	c->file = (struct chunked_file){.entry = NULL};
}

static int write_head(struct chunked *c, struct err *err)
{
	return c->head.len ? writer_write(c->zstd, c->head.data, c->head.len, err) : 0;
}

/* The rest has no table. */
static int give_up(struct chunked *c, struct err *err)
{
	const int r = write_head(c, err);

	c->state = STATE_PLAIN;
	forget(c);
	return r;
}

static int put_chunk(void *arg, const void *p, size_t n, bool zeros, struct err *err)
{
	struct chunked *c = arg;
	struct chunked_file *f = &c->file;

	if (n) {
		sha256_update(&c->chunk, p, n);
		c->now.zeros = zeros && (c->now.zeros || !c->now.size);
		c->now.size += n;
		return writer_write(c->zstd, p, n, err);
	}
	if (!c->now.size || (f->n_chunks >= CHUNKS_MAX - 1 && c->left))
		return 0;
	if (writer_zstd_end_frame(c->zstd, err) < 0)
		return err->code;
	c->now.digest = sha256_final(&c->chunk);
	f->chunks = xreallocarray(f->chunks, f->n_chunks + 1, sizeof(*f->chunks));
	f->chunks[f->n_chunks++] = c->now;
	c->now = (struct chunk){.at = c->now.at + c->now.size, .offset = c->at};
	sha256_init(&c->chunk);
	return 0;
}

static int end_file(struct chunked *c, struct err *err)
{
	struct chunked_file *f = &c->file;

	if (f->size) {
		if (chunk_cut_end(&c->cut, err) < 0)
			return err->code;
		f->digest = sha256_final(&c->content);
		f->end = c->at;
	}
	if (table_add_file(c->table, f, err) < 0)
		return err->code;
	c->pad = (TAR_BLOCK - f->size % TAR_BLOCK) % TAR_BLOCK;
	c->wanted = c->pad + TAR_BLOCK;
	buf_clear(&c->head);
	json_free(f->entry);
	f->entry = NULL;
	c->state = STATE_HEADER;
	return table_is_full(c->table) ? give_up(c, err) : 0;
}

static int begin_file(struct chunked *c, struct err *err)
{
	struct chunked_file *f = &c->file;

	if (table_add_segment(c->table, &c->head, err) < 0 || write_head(c, err) < 0)
		return err->code;
	f->crc = 0;
	f->n_chunks = 0;
	if (!f->size)
		return end_file(c, err);
	if (writer_zstd_end_frame(c->zstd, err) < 0)
		return err->code;
	c->state = STATE_CONTENT;
	c->left = f->size;
	c->now = (struct chunk){.offset = c->at};
	sha256_init(&c->content);
	sha256_init(&c->chunk);
	chunk_cut_begin(&c->cut);
	return 0;
}

static bool is_zero(const char *p, size_t n)
{
	return !n || (!*p && !memcmp(p, p + 1, n - 1));
}

/* head has what was wanted */
static int take_head(struct chunked *c, struct err *err)
{
	const uint8_t *p = (const uint8_t *)c->head.data + c->pad;
	const size_t n = c->head.len - c->pad;

	if (n == TAR_BLOCK && is_zero((const char *)p, n)) {
		c->state = STATE_END;
		return 0;
	}
	const int64_t missing = chunked_header_missing(p, n);
	if (missing > 0) {
		c->wanted += (size_t)missing;
		return 0;
	}
	c->file.entry = missing < 0 ? NULL : chunked_header_entry(p, n, &c->file.size);
	if (!c->file.entry || !table_add_name(c->table, json_text(json_get(c->file.entry, "name"))))
		return give_up(c, err);
	return begin_file(c, err);
}

/* *ret: how much of it was taken */
static int take_some(struct chunked *c, const uint8_t *p, size_t n, size_t *ret, struct err *err)
{
	size_t part = c->state == STATE_HEADER                   ? c->wanted - c->head.len
	              : c->state == STATE_CONTENT && c->left < n ? (size_t)c->left
	                                                         : n;
	*ret = part = part < n ? part : n;
	switch (c->state) {
	case STATE_HEADER:
		buf_add(&c->head, p, part);
		return c->head.len < c->wanted ? 0 : take_head(c, err);
	case STATE_CONTENT:
		c->file.crc = chunked_crc(c->file.crc, p, part);
		sha256_update(&c->content, p, part);
		c->left -= part;
		if (chunk_cut_write(&c->cut, p, part, err) < 0)
			return err->code;
		return c->left ? 0 : end_file(c, err);
	case STATE_END:
		buf_add(&c->head, p, part);
		if (!c->head.toobig && is_zero((const char *)p, part))
			return 0;
		*ret = c->head.toobig ? 0 : part;
		return give_up(c, err);
	case STATE_PLAIN:
		return writer_write(c->zstd, p, part, err);
	}
	return 0;
}

static int chunked_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	const uint8_t *at = p;

	for (size_t taken; n; at += taken, n -= taken)
		if (take_some((struct chunked *)w, at, n, &taken, err) < 0)
			return err->code;
	return 0;
}

/* --- the end --- */

static int put_skippable(struct chunked *c, const void *p, size_t n, struct err *err)
{
	const uint32_t head[] = {htole32(SKIPPABLE), htole32((uint32_t)n)};

	if (counter_write(&c->counter, head, sizeof(head), err) < 0)
		return err->code;
	return counter_write(&c->counter, p, n, err);
}

static int put_document(struct chunked *c, const struct table_document *d, struct chunked_part *ret,
	struct err *err)
{
	*ret = (struct chunked_part){c->at + SKIPPABLE_HEAD, d->size, d->plain_size};
	return put_skippable(c, d->data, d->size, err);
}

static int put_footer(struct chunked *c, const struct chunked_table *t, struct err *err)
{
	uint64_t footer[] = {t->toc.offset, t->toc.size, t->toc.plain_size, TABLE_TYPE,
		t->split.offset, t->split.size, t->split.plain_size, 0};

	for (size_t i = 0; i < ARRAY_LEN(footer); i++)
		footer[i] = htole64(footer[i]);
	memcpy(&footer[ARRAY_LEN(footer) - 1], FOOTER, sizeof(footer[0]));
	return put_skippable(c, footer, sizeof(footer), err);
}

static int put_tables(struct chunked *c, struct err *err)
{
	struct chunked_table t = {.made = true};
	struct table_document toc, split;

	if ((c->head.len && table_add_segment(c->table, &c->head, err) < 0) ||
		table_end(c->table, &toc, &split, err) < 0)
		return err->code;
	if (table_is_full(c->table))
		return 0;
	t.digest = digest_of(toc.data, toc.size);
	if (put_document(c, &toc, &t.toc, err) < 0 || put_document(c, &split, &t.split, err) < 0 ||
		put_footer(c, &t, err) < 0)
		return err->code;
	*c->ret = t;
	return 0;
}

/* A tar may end without zeros, but not within something. */
static int chunked_finish(struct writer *w, struct err *err)
{
	struct chunked *c = (struct chunked *)w;
	const bool whole = c->state == STATE_END || (c->state == STATE_HEADER && !c->head.len);

	*c->ret = (struct chunked_table){.made = false};
	/* what is held back */
	const int r = c->state == STATE_CONTENT ? chunk_cut_end(&c->cut, err) : write_head(c, err);
	if (r < 0 || writer_finish(c->zstd, err) < 0)
		return err->code;
	return whole ? put_tables(c, err) : 0;
}

static void chunked_free(struct writer *w)
{
	struct chunked *c = (struct chunked *)w;

	forget(c);
	writer_free(c->zstd);
	free(c);
}

struct writer *writer_chunked(struct writer *below, int level, struct chunked_table *ret)
{
	struct chunked *c = xcalloc(1, sizeof(*c));

	c->w = (struct writer){
		.write = chunked_write, .finish = chunked_finish, .free = chunked_free};
	c->counter.write = counter_write;
	c->below = below;
	c->ret = ret;
	c->zstd = writer_zstd(&c->counter, level);
	c->cut.put = put_chunk;
	c->cut.arg = c;
	c->wanted = TAR_BLOCK;
	buf_init(&c->head, 2 * CHUNKED_HEADER_MAX);
	c->table = table_new(level);
	return &c->w;
}

void chunked_annotate(struct map *annotations, const struct chunked_table *t)
{
	char digest[DIGEST_STR_MAX];

	(void)map_remove(annotations, CHECKSUM);
	(void)map_remove(annotations, TABLE);
	(void)map_remove(annotations, SPLIT);
	if (!t)
		return;
	AUTO_FREE char *toc = xasprintf("%llu:%llu:%llu:%d", (unsigned long long)t->toc.offset,
		(unsigned long long)t->toc.size, (unsigned long long)t->toc.plain_size, TABLE_TYPE);
	AUTO_FREE char *split = xasprintf("%llu:%llu:%llu", (unsigned long long)t->split.offset,
		(unsigned long long)t->split.size, (unsigned long long)t->split.plain_size);
	map_set(annotations, CHECKSUM, digest_str(&t->digest, digest));
	map_set(annotations, TABLE, toc);
	map_set(annotations, SPLIT, split);
}

bool chunked_is_annotated(const struct map *annotations)
{
	return map_get(annotations, CHECKSUM) && map_get(annotations, TABLE);
}
