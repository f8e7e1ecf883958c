/* SPDX-License-Identifier: Apache-2.0 */
#include "store/summaries.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/digest_set.h"
#include "store/images.h"
#include "store/index_file.h"
#include "store/layer_size.h"
#include "store/names.h"
#include "store/step_images.h"
#include "store/store_internal.h"

#define FILE_NAME "cache/images"
#define FILE_MAX (128 * MIB) /* twice the largest index.json: the lines, and as much again */
/* the layout of struct header and struct record, in this machine's byte order */
#define MAGIC "mica images 2"
#define BYTE_ORDER_MARK 0x01020304U
#define ALIGNMENT 8

struct header {
	char magic[16];
	uint32_t byte_order;
	uint32_t count;
	uint64_t check; /* of all that follows */
};

enum record_flags { RECORD_NAMED = 1 << 0, RECORD_DATED = 1 << 1 };

/* Followed by the line, the name with its NUL, and "KEY\0VALUE\0" of each label; padded. */
struct record {
	struct digest top, id;
	uint64_t size;
	int64_t created_s;
	uint32_t created_ns;
	uint32_t flags;
	uint32_t line_len;
	uint32_t ref_len;
	uint32_t labels_len;
	uint32_t pad;
};

struct cache {
	char *data;
	const struct record **slots; /* open addressing, at most half full; NULL: free */
	size_t n_slots; /* a power of two; 0: there is no cache */
	size_t count;
};

static uint64_t hash_of(const char *p, size_t n)
{
	uint64_t h = n, v;

	for (; n >= sizeof(v); p += sizeof(v), n -= sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		h = (h ^ v) * 0x9E3779B97F4A7C15ULL;
		h ^= h >> 32;
	}
	for (; n; p++, n--)
		h = (h ^ (unsigned char)*p) * 0x9E3779B97F4A7C15ULL;
	return h ^ h >> 32;
}

static const char *line_of(const struct record *r)
{
	return (const char *)(r + 1);
}

static size_t padded(size_t n)
{
	return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* --- reading --------------------------------------------------------------------------------- */

/* The slot of the record with this line, or the free one where it belongs. */
static size_t probe(const struct cache *c, const char *line, size_t n)
{
	size_t at = hash_of(line, n) & (c->n_slots - 1);

	while (c->slots[at] &&
		(c->slots[at]->line_len != n || memcmp(line_of(c->slots[at]), line, n) != 0))
		at = (at + 1) & (c->n_slots - 1);
	return at;
}

/* The strings of a record end where it says. */
static bool is_sound(const struct record *r, size_t room)
{
	const char *ref = line_of(r) + r->line_len, *labels = ref + r->ref_len;
	bool named = r->flags & RECORD_NAMED;

	if (r->line_len > room || r->ref_len > room - r->line_len ||
		r->labels_len > room - r->line_len - r->ref_len)
		return false;
	return named == (r->ref_len > 0) && (!named || !ref[r->ref_len - 1]) &&
	       (!r->labels_len || !labels[r->labels_len - 1]);
}

static bool index_records(struct cache *c, size_t count, size_t len)
{
	size_t at = sizeof(struct header);

	c->n_slots = 16;
	while (c->n_slots < 2 * count)
		c->n_slots *= 2;
	c->slots = xcalloc(c->n_slots, sizeof(struct record *));
	for (; c->count < count; c->count++) {
		if (len - at < sizeof(struct record))
			return false;
		const struct record *r = (const struct record *)(const void *)(c->data + at);
		at += sizeof(*r);
		if (!is_sound(r, len - at))
			return false;
		size_t n = padded((size_t)r->line_len + r->ref_len + r->labels_len);
		if (n > len - at)
			return false;
		at += n;
		c->slots[probe(c, line_of(r), r->line_len)] = r;
	}
	return at == len;
}

static void cache_done(struct cache *c)
{
	free(c->data);
	free(c->slots);
	*c = (struct cache){0};
}
#define AUTO_CACHE __attribute__((cleanup(cache_done)))

static bool read_file(struct store *s, struct cache *c)
{
	struct err why = ERR_INIT;
	struct header h;
	size_t len;

	if (fs_read_plain(s->fd, FILE_NAME, FILE_MAX, &c->data, &len, &why) < 0 || len < sizeof(h))
		return false;
	memcpy(&h, c->data, sizeof(h));
	/* each record takes some bytes, so that count is bounded by the file's length */
	return memcmp(h.magic, MAGIC, sizeof(MAGIC)) == 0 && h.byte_order == BYTE_ORDER_MARK &&
	       h.count <= len / sizeof(struct record) &&
	       h.check == hash_of(c->data + sizeof(h), len - sizeof(h)) &&
	       index_records(c, h.count, len);
}

static void add_labels(const struct record *r, struct map *ret)
{
	const char *at = line_of(r) + r->line_len + r->ref_len, *end = at + r->labels_len;

	while (at < end) {
		const char *value = at + strlen(at) + 1;
		if (value >= end)
			return;
		map_set(ret, at, value);
		at = value + strlen(value) + 1;
	}
}

static bool from_cache(const struct cache *c, const struct index_line *l, struct summary *ret)
{
	const struct record *r = c->n_slots ? c->slots[probe(c, l->text, l->n)] : NULL;

	if (!r)
		return false;
	*ret = (struct summary){
		.ref = r->flags & RECORD_NAMED ? xstrdup(line_of(r) + r->line_len) : NULL,
		.top = r->top,
		.loaded = true,
		.dated = r->flags & RECORD_DATED,
		.created_ns = r->created_ns,
		.created_s = r->created_s,
		.size = r->size,
		.id = r->id,
	};
	add_labels(r, &ret->labels);
	return true;
}

/* --- reading the documents ------------------------------------------------------------------- */

bool summary_created(const struct image_config *c, int64_t *ret_s, uint32_t *ret_ns)
{
	struct timespec t = {0};
	bool dated = c->created && clock_parse(c->created, &t);

	*ret_s = dated ? t.tv_sec : 0;
	*ret_ns = dated ? (uint32_t)t.tv_nsec : 0;
	return dated;
}

static bool has_several(struct store *s, const struct descriptor *top)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	struct index ix;
	size_t len, n = 0;

	if (blob_read(s, top, MANIFEST_MAX, &text, &len, &ignored) < 0 ||
		index_parse(text, len, top->media_type, &ix, &ignored) < 0)
		return false;
	for (size_t i = 0; i < ix.n_manifests; i++)
		n += index_entry_is_image(&ix.manifests[i]);
	index_done(&ix);
	return n > 1;
}

static int from_documents(
	struct store *s, const struct index_line *l, struct summary *ret, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	struct err ignored = ERR_INIT;
	struct descriptor top = {0};

	*ret = (struct summary){0};
	int r = index_line_parse(l, &top, &ret->ref, err);
	if (r < 0)
		return r;
	const char *list_id = map_get(&top.annotations, ANNOTATION_LIST_ID);
	ret->top = top.digest;
	ret->index = media_kind(top.media_type) == MEDIA_INDEX;
	/* one image that cannot be read must not hide the others: fsck tells what is wrong with it
	 */
	ret->loaded = image_load(s, &top, NULL, &image, &ignored) == 0;
	/* the line may say less than the document does */
	ret->index = ret->index ||
	             (ret->loaded && !digest_equal(&ret->top, &image.manifest_desc.digest));
	ret->several = ret->index && has_several(s, &top);
	if (ret->index && !(list_id && digest_parse_hex(list_id, &ret->list_id)))
		ret->list_id = top.digest;
	descriptor_done(&top);
	if (!ret->loaded)
		return 0;
	ret->id = image.id;
	ret->dated = summary_created(&image.config, &ret->created_s, &ret->created_ns);
	ret->size = image_size(s, &image);
	map_copy(&ret->labels, &image.config.labels);
	return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

static void add_record(struct buf *b, const struct index_line *l, const struct summary *s)
{
	static const char zeros[ALIGNMENT] = {0};
	AUTO_BUF struct buf labels = BUF_INIT(CONFIG_MAX);

	MAP_FOREACH (e, &s->labels) {
		buf_add(&labels, e->key, strlen(e->key) + 1);
		buf_add(&labels, e->value ? e->value : "", e->value ? strlen(e->value) + 1 : 1);
	}
	struct record r;
	memset(&r, 0, sizeof(r));
	r.top = s->top;
	r.id = s->id;
	r.size = s->size;
	r.created_s = s->created_s;
	r.created_ns = s->created_ns;
	r.flags = (s->ref ? RECORD_NAMED : 0U) | (s->dated ? RECORD_DATED : 0U);
	r.line_len = (uint32_t)l->n;
	r.ref_len = s->ref ? (uint32_t)strlen(s->ref) + 1 : 0;
	r.labels_len = (uint32_t)labels.len;
	size_t n = (size_t)r.line_len + r.ref_len + r.labels_len;
	buf_add(b, &r, sizeof(r));
	buf_add(b, l->text, l->n);
	if (s->ref)
		buf_add(b, s->ref, r.ref_len);
	buf_add(b, buf_str(&labels), labels.len);
	buf_add(b, zeros, padded(n) - n);
}

static bool may_be_kept(const struct index_line *l, const struct summary *s)
{
	return s->loaded && !s->index && l->n <= UINT32_MAX;
}

/* All that is listed, while it comes together. */
struct listing {
	struct summaries list;
	const struct index_line **lines; /* of each */
	uint32_t kept; /* how many of them may be kept */
	bool grown; /* there are some that the file does not have yet */
};

/* Nothing depends on it: a store that cannot be written is listed all the same. */
static void write_file(struct store *s, const struct listing *l)
{
	AUTO_BUF struct buf b = BUF_INIT(FILE_MAX);
	struct err why = ERR_INIT;
	struct header h = {.magic = MAGIC, .byte_order = BYTE_ORDER_MARK, .count = l->kept};

	buf_add(&b, &h, sizeof(h));
	for (size_t i = 0; i < l->list.n; i++)
		if (may_be_kept(l->lines[i], &l->list.s[i]))
			add_record(&b, l->lines[i], &l->list.s[i]);
	if (b.toobig)
		return;
	h.check = hash_of(b.data + sizeof(h), b.len - sizeof(h));
	memcpy(b.data, &h, sizeof(h));
	if (store_make_cache(s, CACHE_DIR, &why) < 0 ||
		fs_write_file(s->fd, FILE_NAME, b.data, b.len, 0600, false, &why) < 0)
		log_debug("%s", why.msg);
}

static int add_file(struct store *s, const struct cache *c, const struct index_file *f,
	struct listing *l, struct err *err)
{
	size_t n = l->list.n + f->n;

	if (n) {
		l->list.s = xreallocarray(l->list.s, n, sizeof(*l->list.s));
		l->lines = xreallocarray(l->lines, n, sizeof(struct index_line *));
	}
	for (size_t i = 0; i < f->n; i++) {
		struct summary *now = &l->list.s[l->list.n];
		if (!from_cache(c, &f->lines[i], now)) {
			int r = from_documents(s, &f->lines[i], now, err);
			if (r < 0)
				return r;
			l->grown = l->grown || may_be_kept(&f->lines[i], now);
		}
		now->intermediate = !now->ref && step_image_is(&f->lines[i]);
		l->lines[l->list.n++] = &f->lines[i];
		l->kept += may_be_kept(&f->lines[i], now);
	}
	return 0;
}

static void summary_done(struct summary *s)
{
	free(s->ref);
	map_done(&s->labels);
}

/* Of the additional stores, which begin at `from`, what is not a name of a store before. */
static void drop_hidden(struct summaries *l, size_t from)
{
	struct digest_set seen = {0};
	size_t kept = from;

	for (size_t i = 0; i < l->n && from < l->n; i++) {
		struct summary *now = &l->s[i];
		struct digest d = now->ref ? digest_of(now->ref, strlen(now->ref)) : now->top;
		bool hidden = now->ref && !digest_set_add(&seen, &d);
		if (i < from)
			continue;
		now->additional = true;
		if (hidden)
			summary_done(now);
		else
			l->s[kept++] = *now;
	}
	l->n = kept;
	digest_set_done(&seen);
}

static int add_all(struct store *s, const struct cache *c, struct index_file *files,
	struct listing *l, size_t *ret_own, struct err *err)
{
	int r = index_file_read(s, &files[0], err);
	if (r == 0)
		r = add_file(s, c, &files[0], l, err);
	*ret_own = l->list.n;
	for (size_t i = 0; i < s->n_additional && r == 0; i++) {
		r = index_file_read_in(
			s->additional[i].fd, s->additional[i].path, &files[i + 1], err);
		if (r == 0)
			r = add_file(s, c, &files[i + 1], l, err);
	}
	return r;
}

int summaries_list(struct store *s, struct summaries *ret, struct err *err)
{
	AUTO_FREE struct index_file *files = xcalloc(s->n_additional + 1, sizeof(*files));
	AUTO_CACHE struct cache c = {0};
	struct listing l = {0};
	size_t own;

	if (!read_file(s, &c))
		cache_done(&c);
	int r = add_all(s, &c, files, &l, &own, err);
	/* what is no longer named takes room, but is not worth a write of its own each time */
	if (r == 0 && !s->read_only && (l.grown || l.kept < c.count / 2))
		write_file(s, &l);
	drop_hidden(&l.list, own);
	if (r == 0)
		*ret = l.list;
	else
		summaries_done(&l.list);
	for (size_t i = 0; i <= s->n_additional; i++)
		index_file_done(&files[i]);
	free(l.lines);
	return r;
}

void summaries_done(struct summaries *l)
{
	for (size_t i = 0; i < l->n; i++)
		summary_done(&l->s[i]);
	free(l->s);
	*l = (struct summaries){0};
}
