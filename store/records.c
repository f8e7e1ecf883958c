/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record is text: "mica-record 2", then "key value" lines, an empty line, and the inputs as they
 * were given. It is not JSON because the inputs can be large (a line for each file of a context)
 * and a lookup must not parse them. The last line is the SHA-256 of the step key and the lines
 * before it: nothing else would tell that another layer is named than the step made.
 */
#include "store/records.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/tmp.h"
#include "store/blobs.h"
#include "store/records_internal.h"
#include "store/store_internal.h"
#include "store/tree.h"
#include "store/used.h"

#define MAGIC "mica-record 2\n"
#define SUM "sum "
#define SUM_LINE (strlen(SUM) + 64)

static const char *const compression_names[] = {
	[COMPRESSION_NONE] = "none",
	[COMPRESSION_GZIP] = "gzip",
	[COMPRESSION_ZSTD] = "zstd",
};

static bool parse_compression(const char *s, enum compression *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(compression_names); i++)
		if (streq(s, compression_names[i])) {
			*ret = (enum compression)i;
			return true;
		}
	return false;
}

static bool parse_created(const char *s, struct record *r)
{
	uint64_t ns;
	const char *dot = strchr(s, '.');
	if (!dot)
		return false;
	AUTO_FREE char *seconds = xstrndup(s, (size_t)(dot - s));
	if (!num_i64(seconds, INT64_MIN, INT64_MAX, &r->created_s) ||
		!num_u64(dot + 1, 999999999, &ns))
		return false;
	r->created_ns = (uint32_t)ns;
	return true;
}

static bool parse_line(const char *key, const char *value, struct record *r)
{
	struct err ignored = ERR_INIT;
	if (streq(key, "diff-id"))
		return (r->has_layer = digest_parse(value, &r->layer.diff_id, &ignored) == 0);
	if (streq(key, "blob"))
		return digest_parse(value, &r->layer.blob, &ignored) == 0;
	if (streq(key, "blob-size"))
		return num_u64(value, UINT64_MAX, &r->layer.blob_size);
	if (streq(key, "diff-size"))
		return num_u64(value, UINT64_MAX, &r->layer.diff_size);
	if (streq(key, "content"))
		return num_u64(value, UINT64_MAX, &r->layer.content);
	if (streq(key, "entries"))
		return num_u64(value, UINT64_MAX, &r->layer.entries);
	if (streq(key, "compression"))
		return parse_compression(value, &r->compression);
	if (streq(key, "created"))
		return parse_created(value, r);
	return streq(key, "sum");
}

/* Of the step key and the n bytes. */
static const char *sum_of(char buf[DIGEST_STR_MAX], const char *key, const char *text, size_t n)
{
	struct hash h;
	hash_init(&h, DIGEST_SHA256);
	hash_update(&h, key, strlen(key));
	hash_update(&h, text, n);
	struct digest d = hash_final(&h);
	return digest_hex(&d, buf);
}

static bool sum_is_right(const char *key, const char *text)
{
	const char *end = strstr(text, "\n\n");
	char buf[DIGEST_STR_MAX];
	if (!end || (size_t)(end - text) < SUM_LINE)
		return false;
	const char *sum = end - SUM_LINE;
	sum_of(buf, key, text, (size_t)(sum - text));
	return memcmp(sum + strlen(SUM), buf, strlen(buf)) == 0;
}

/* text is cut into pieces */
static bool parse(char *text, size_t n, struct record *r)
{
	if (n < strlen(MAGIC) || memcmp(text, MAGIC, strlen(MAGIC)) != 0)
		return false;
	for (char *at = text + strlen(MAGIC);;) {
		char *end = strchr(at, '\n');
		if (!end)
			return false; /* torn */
		if (end == at) {
			r->inputs = end[1] ? xstrdup(end + 1) : NULL;
			break;
		}
		*end = '\0';
		char *value = strchr(at, ' ');
		if (!value)
			return false;
		*value++ = '\0';
		if (!parse_line(at, value, r))
			return false;
		at = end + 1;
	}
	return true;
}

int record_read(struct store *s, const char *name, struct record *ret, struct err *err)
{
	AUTO_FREE char *text = NULL, *path = xasprintf(STEPS_DIR "/%s", name);
	struct record r = {0};
	size_t n;
	int e = fs_read_plain(s->fd, path, RECORD_MAX, &text, &n, err);
	if (e < 0)
		return e;
	if (!sum_is_right(name, text) || !parse(text, n, &r)) {
		record_done(&r);
		return err_set(err, ERR_CORRUPT, "cache record %s is damaged", name);
	}
	*ret = r;
	return 0;
}

bool record_has_layer(struct store *s, const struct record *r)
{
	uint64_t size;
	if (digest_is_zero(&r->layer.blob))
		return tree_has(s, &r->layer.diff_id);
	return blob_has(s, &r->layer.blob, &size) && size == r->layer.blob_size;
}

int record_get(struct store *s, const struct digest *key, struct record *ret, struct err *err)
{
	char hex[DIGEST_STR_MAX], name[STORE_PATH_MAX];
	struct record r;

	int e = record_read(s, digest_hex(key, hex), &r, err);
	/* one that cannot be read is as good as none: the step's next one takes its place */
	if (e < 0 && (store_is_damage(err) || store_is_closed(err)))
		return err_set(err, ERR_NOT_FOUND, "there is no cache record %s", hex);
	if (e < 0)
		return e;
	if (r.has_layer && !record_has_layer(s, &r)) {
		record_done(&r);
		return err_set(err, ERR_CORRUPT, "the layer of cache record %s is gone", hex);
	}
	used_now(s, store_name(name, STEPS_DIR, key));
	*ret = r;
	return 0;
}

int record_put(struct store *s, const struct digest *key, const struct record *r, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(RECORD_MAX);
	AUTO_TMP struct tmp t = TMP_INIT;
	char buf[DIGEST_STR_MAX], hex[DIGEST_STR_MAX], name[STORE_PATH_MAX];
	int fd, e;

	buf_addstr(&b, MAGIC);
	if (r->has_layer) {
		const struct layer *l = &r->layer;
		buf_addf(&b, "diff-id %s\n", digest_str(&l->diff_id, buf));
		if (!digest_is_zero(&l->blob))
			buf_addf(&b, "blob %s\nblob-size %llu\ncompression %s\n",
				digest_str(&l->blob, buf), (unsigned long long)l->blob_size,
				compression_names[r->compression]);
		buf_addf(&b, "diff-size %llu\ncontent %llu\nentries %llu\n",
			(unsigned long long)l->diff_size, (unsigned long long)l->content,
			(unsigned long long)l->entries);
	}
	buf_addf(&b, "created %lld.%u\n", (long long)r->created_s, r->created_ns);
	digest_hex(key, hex);
	buf_addf(&b, SUM "%s\n\n", sum_of(buf, hex, b.data, b.len));
	size_t head = b.len;
	buf_addstr(&b, r->inputs ? r->inputs : "");
	if (b.toobig) {
		/* the inputs only explain: a record without them is as good a hit */
		buf_done(&b);
		struct record bare = *r;
		bare.inputs = NULL;
		assert(head < RECORD_MAX && r->inputs);
		return record_put(s, key, &bare, err);
	}
	if ((e = store_scratch(s, &fd, err)) < 0 || (e = tmp_open(&t, fd, 0600, err)) < 0)
		return e;
	if (fs_write_all(t.fd, b.data, b.len) < 0)
		return err_sys(err, "cannot write a cache record");
	if ((e = store_make_cache(s, STEPS_DIR, err)) < 0)
		return e;
	e = tmp_publish(&t, s->fd, store_name(name, STEPS_DIR, key), false, err);
	if (e == 0)
		s->dirty = true;
	return e;
}

int record_remove(struct store *s, const struct digest *key, struct err *err)
{
	char name[STORE_PATH_MAX];
	if (unlinkat(s->fd, store_name(name, STEPS_DIR, key), 0) < 0 && errno != ENOENT)
		return err_sys(err, "cannot remove '%s'", name);
	return 0;
}

void record_done(struct record *r)
{
	free(r->inputs);
	*r = (struct record){0};
}
