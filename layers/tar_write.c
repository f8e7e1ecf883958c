/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tar_write.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/stream.h"
#include "base/utf8.h"
#include "layers/ustar.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WRITE_BUF (512 * KIB)
#define SPACE_MIN (64 * KIB)
#define PAX_MAX (32 * MIB) /* 256 attributes of 64 KiB, twice over */
#define ID_MAX 07777777u /* what 7 octal digits hold */
#define SIZE_MAX_USTAR 077777777777ull

struct tar_writer {
	struct writer *out;
	size_t used;
	uint64_t left; /* content of the current entry that is still to come */
	uint32_t pad; /* zeros after it */
	struct buf pax;
	char buf[WRITE_BUF];
};

struct tar_writer *tar_writer_new(struct writer *out)
{
	struct tar_writer *t = xmalloc(sizeof(*t));
	memset(t, 0, offsetof(struct tar_writer, buf));
	t->out = out;
	buf_init(&t->pax, PAX_MAX);
	return t;
}

void tar_writer_free(struct tar_writer *t)
{
	if (!t)
		return;
	buf_done(&t->pax);
	free(t);
}

static int flush(struct tar_writer *t, struct err *err)
{
	size_t n = t->used;
	t->used = 0;
	return writer_write(t->out, t->buf, n, err);
}

int tar_writer_space(struct tar_writer *t, void **ret, size_t *ret_n, struct err *err)
{
	if (sizeof(t->buf) - t->used < SPACE_MIN && flush(t, err) < 0)
		return err->code;
	*ret = t->buf + t->used;
	*ret_n = sizeof(t->buf) - t->used;
	return 0;
}

static int put(struct tar_writer *t, const void *p, size_t n, struct err *err)
{
	for (const char *from = p; n;) {
		if (t->used == sizeof(t->buf) && flush(t, err) < 0)
			return err->code;
		size_t part = sizeof(t->buf) - t->used;
		if (part > n)
			part = n;
		if (from) {
			memcpy(t->buf + t->used, from, part);
			from += part;
		} else {
			memset(t->buf + t->used, 0, part);
		}
		t->used += part;
		n -= part;
	}
	return 0;
}

void tar_writer_commit(struct tar_writer *t, size_t n)
{
	assert(n <= t->left && n <= sizeof(t->buf) - t->used);
	t->used += n;
	t->left -= n;
}

int tar_writer_data(struct tar_writer *t, const void *p, size_t n, struct err *err)
{
	assert(n <= t->left);
	t->left -= n;
	return put(t, p, n, err);
}

int tar_writer_zeros(struct tar_writer *t, uint64_t n, struct err *err)
{
	assert(n <= t->left);
	t->left -= n;
	while (n) {
		size_t part = n > WRITE_BUF ? WRITE_BUF : (size_t)n;
		if (put(t, NULL, part, err) < 0)
			return err->code;
		n -= part;
	}
	return 0;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

static bool is_utf8(const char *s)
{
	size_t n = strlen(s);
	for (size_t at = 0, width; at < n; at += width)
		if (!(width = utf8_width(s + at, n - at)))
			return false;
	return true;
}

/* Right-aligned octal with leading zeros and a final NUL; the value fits. */
static void octal(char *field, size_t width, uint64_t value)
{
	field[--width] = '\0';
	while (width) {
		field[--width] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

/* name, or prefix/name split at a slash; false when neither holds it */
static bool put_name(struct ustar *h, const char *path, size_t n)
{
	if (n <= sizeof(h->name)) {
		memcpy(h->name, path, n);
		return true;
	}
	size_t cut = n - 1 < sizeof(h->prefix) ? n - 1 : sizeof(h->prefix);
	while (cut && path[cut] != '/')
		cut--;
	size_t rest = n - cut - 1;
	if (cut == 0 || rest == 0 || rest > sizeof(h->name))
		return false;
	memcpy(h->prefix, path, cut);
	memcpy(h->name, path + cut + 1, rest);
	return true;
}

static int put_header(struct tar_writer *t, struct ustar *h, struct err *err)
{
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	memset(h->chksum, ' ', sizeof(h->chksum));
	unsigned sum = 0;
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += ((const unsigned char *)h)[i];
	octal(h->chksum, 7, sum);
	return put(t, h, sizeof(*h), err);
}

/* "LENGTH key=value\n", where LENGTH counts itself */
static void pax_record(
	struct buf *b, const char *prefix, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(prefix) + strlen(key) + n + 3;
	size_t len = rest + 1;
	for (size_t before = 0; before != len;) {
		before = len;
		len = rest + (size_t)snprintf(NULL, 0, "%zu", before);
	}
	buf_addf(b, "%zu %s%s=", len, prefix, key);
	buf_add(b, value, n);
	buf_addch(b, '\n');
}

static void pax_number(struct buf *b, const char *key, uint64_t value)
{
	char s[24];
	int n = snprintf(s, sizeof(s), "%llu", (unsigned long long)value);
	pax_record(b, "", key, s, (size_t)n);
}

/* Before 1970 only whole seconds, rounded down: readers disagree about what "-4.5" is (libarchive:
 * -3.5). */
static void pax_time(struct buf *b, int64_t sec, uint32_t ns)
{
	char s[48];
	int n = snprintf(s, sizeof(s), "%lld", (long long)sec);
	if (ns && sec >= 0) {
		n += snprintf(s + n, sizeof(s) - (size_t)n, ".%09u", ns);
		while (s[n - 1] == '0')
			n--;
	}
	pax_record(b, "", "mtime", s, (size_t)n);
}

/* For fields that a pax record overrides. */
static char ascii(char c)
{
	if ((unsigned char)c >= 0x80)
		return '_';
	return c;
}

/* The pax header: an entry of its own, of type 'x', before the one it describes. */
static int put_pax(struct tar_writer *t, const char *path, struct err *err)
{
	if (t->pax.toobig)
		return err_set(err, ERR_LIMIT, "'%s': attributes are too large", path);
	struct ustar h = {.typeflag = 'x'};
	char name[sizeof(h.name) + 1] = "PaxHeaders.0/";
	size_t n = strlen(name);
	for (const char *p = path_base(path); *p && n < sizeof(h.name); p++)
		name[n++] = ascii(*p);
	memcpy(h.name, name, n);
	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), t->pax.len);
	octal(h.mtime, sizeof(h.mtime), 0);
	octal(h.devmajor, sizeof(h.devmajor), 0);
	octal(h.devminor, sizeof(h.devminor), 0);
	if (put_header(t, &h, err) < 0 || put(t, t->pax.data, t->pax.len, err) < 0)
		return err->code;
	return put(t, NULL, -t->pax.len & (TAR_BLOCK - 1), err);
}

static char type_flag(const struct tar_entry *e)
{
	if (e->hardlink)
		return '1';
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return '0';
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return '6';
	default:
		return '\0';
	}
}

static int add_xattrs(struct buf *pax, const struct tar_entry *e, struct err *err)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		if (strchr(e->xattrs[i].name, '='))
			return err_set(err, ERR_UNSUPPORTED,
				"'%s': attribute name '%s' cannot be stored in a layer", e->path,
				e->xattrs[i].name);
		pax_record(pax, "SCHILY.xattr.", e->xattrs[i].name, e->xattrs[i].value,
			e->xattrs[i].len);
	}
	return 0;
}

/* the field, or a record where the value does not fit */
static void put_number(struct buf *pax, char *field, size_t width, const char *key, uint64_t value)
{
	uint64_t max = (UINT64_C(1) << 3 * (width - 1)) - 1;
	octal(field, width, value <= max ? value : 0);
	if (value > max)
		pax_number(pax, key, value);
}

static void put_mtime(struct buf *pax, struct ustar *h, const struct tar_entry *e)
{
	bool fits = e->mtime >= 0 && (uint64_t)e->mtime <= SIZE_MAX_USTAR;
	octal(h->mtime, sizeof(h->mtime), fits ? (uint64_t)e->mtime : 0);
	if (!fits || e->mtime_ns)
		pax_time(pax, e->mtime, e->mtime_ns);
}

static void put_link(struct buf *pax, struct ustar *h, const char *link)
{
	size_t n = strlen(link);
	if (!is_ascii(link) || n > sizeof(h->linkname))
		pax_record(pax, "", "linkpath", link, n);
	/* also when a record says it: with an empty field libarchive takes the record for a hard
	 * link */
	for (size_t i = 0; i < n && i < sizeof(h->linkname); i++)
		h->linkname[i] = ascii(link[i]);
}

static void put_path(struct buf *pax, struct ustar *h, const struct tar_entry *e)
{
	AUTO_FREE char *dir = S_ISDIR(e->mode) && !e->hardlink ? xasprintf("%s/", e->path) : NULL;
	const char *path = dir ? dir : e->path;
	size_t n = strlen(path);
	if (!is_ascii(path) || !put_name(h, path, n))
		pax_record(pax, "", "path", path, n);
}

static int put_device(struct ustar *h, const struct tar_entry *e, struct err *err)
{
	bool device = h->typeflag == '3' || h->typeflag == '4';
	if (device && (e->major > ID_MAX || e->minor > ID_MAX))
		return err_set(err, ERR_UNSUPPORTED,
			"'%s': device %u:%u cannot be stored in a layer", e->path, e->major,
			e->minor);
	octal(h->devmajor, sizeof(h->devmajor), device ? e->major : 0);
	octal(h->devminor, sizeof(h->devminor), device ? e->minor : 0);
	return 0;
}

int tar_writer_header(struct tar_writer *t, const struct tar_entry *e, struct err *err)
{
	assert(t->left == 0);
	if (put(t, NULL, t->pad, err) < 0)
		return err->code;
	t->pad = 0;
	struct ustar h = {.typeflag = type_flag(e)};
	if (!h.typeflag)
		return err_set(err, ERR_UNSUPPORTED,
			"'%s': a file of this type cannot be stored in a layer", e->path);
	const char *link = e->link ? e->link : "";
	uint64_t size = h.typeflag == '0' ? e->size : 0;
	struct buf *pax = &t->pax;
	buf_clear(pax);

	/* records in bytewise order of their keys */
	if (add_xattrs(pax, e, err) < 0)
		return err->code;
	put_number(pax, h.gid, sizeof(h.gid), "gid", e->gid);
	if (!is_utf8(e->path) || !is_utf8(link))
		pax_record(pax, "", "hdrcharset", "BINARY", 6);
	put_link(pax, &h, link);
	put_mtime(pax, &h, e);
	put_path(pax, &h, e);
	put_number(pax, h.size, sizeof(h.size), "size", size);
	put_number(pax, h.uid, sizeof(h.uid), "uid", e->uid);
	if (put_device(&h, e, err) < 0)
		return err->code;
	if (pax->len && put_pax(t, e->path, err) < 0)
		return err->code;

	octal(h.mode, sizeof(h.mode), e->mode & 07777);
	t->left = size;
	t->pad = (uint32_t)(-size & (TAR_BLOCK - 1));
	return put_header(t, &h, err);
}

int tar_writer_end(struct tar_writer *t, struct err *err)
{
	assert(t->left == 0);
	if (put(t, NULL, t->pad + 2 * TAR_BLOCK, err) < 0)
		return err->code;
	t->pad = 0;
	return flush(t, err);
}
