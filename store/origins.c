/* SPDX-License-Identifier: Apache-2.0 */
#include "store/origins.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/descriptor.h"
#include "store/store_internal.h"

#define ORIGINS_FILE "origins"
#define ORIGINS_LOCK "origins.lock"
#define FILE_MAX (1 * MIB) /* some 8,000 lines */
#define LINE_LENGTH_MAX 1024
#define PLACES_MAX 4 /* of one blob that are worth trying */

struct origins {
	char *text; /* "HEX PLACE\n" ... */
	size_t len;
};

struct origins *origins_load(struct store *s)
{
	struct origins *o = xcalloc(1, sizeof(*o));
	struct err err = ERR_INIT;
	/* one that is too large is not ours; it is replaced by the next note */
	if (fs_read_plain(s->fd, ORIGINS_FILE, FILE_MAX, &o->text, &o->len, &err) < 0) {
		o->text = xstrdup("");
		o->len = 0;
	}
	return o;
}

void origins_free(struct origins *o)
{
	if (o)
		free(o->text);
	free(o);
}

/* The last line that has the n digits and begins before `end`, or NULL. */
static const char *line_before(const struct origins *o, const char *hex, size_t n, const char *end)
{
	const char *last = NULL, *p = o->text;
	while ((p = memmem(p, (size_t)(end - p), hex, n))) {
		if ((p == o->text || p[-1] == '\n') && p[n] == ' ')
			last = p;
		p += n;
	}
	return last;
}

char *origins_of(const struct origins *o, const struct digest *d)
{
	char hex[DIGEST_STR_MAX];
	AUTO_BUF struct buf b = BUF_INIT(PLACES_MAX * LINE_LENGTH_MAX);
	const char *line = o->text + o->len;
	size_t n = strlen(digest_hex(d, hex));
	for (int i = 0; i < PLACES_MAX && (line = line_before(o, hex, n, line)); i++) {
		const char *place = line + n + 1;
		buf_addf(&b, "%s%.*s", b.len ? " " : "", (int)strcspn(place, "\n"), place);
	}
	return b.len && !b.toobig ? buf_take(&b) : NULL;
}

static bool has_line(const struct origins *o, const char *line, size_t n)
{
	const char *p = memmem(o->text, o->len, line, n);
	return p && (p == o->text || p[-1] == '\n');
}

/* The oldest lines go when there are too many: half of them at once. */
static int write_all(
	struct store *s, const struct origins *o, const struct buf *more, struct err *err)
{
	const char *keep = o->text;
	if (o->len + more->len > FILE_MAX) {
		keep = strchr(o->text + o->len / 2, '\n');
		keep = keep ? keep + 1 : o->text + o->len;
	}
	AUTO_BUF struct buf b = BUF_INIT(FILE_MAX);
	buf_addstr(&b, keep);
	buf_add(&b, more->data, more->len);
	return fs_write_file(s->fd, ORIGINS_FILE, b.data, b.len, 0600, false, err);
}

void origins_add(
	struct store *s, const char *place, const struct descriptor *const *blobs, size_t n)
{
	AUTO_FD int lock = -1;
	struct err err = ERR_INIT;
	char hex[DIGEST_STR_MAX];
	AUTO_BUF struct buf more = BUF_INIT(FILE_MAX / 4);
	if (strlen(place) + sizeof(hex) > LINE_LENGTH_MAX || strpbrk(place, " \n") ||
		lock_file(s->fd, ORIGINS_LOCK, LOCK_EXCLUSIVE, true, &lock, &err) < 0)
		return;
	AUTO_ORIGINS struct origins *o = origins_load(s);
	for (size_t i = 0; i < n && !more.toobig; i++) {
		AUTO_FREE char *line =
			xasprintf("%s %s\n", digest_hex(&blobs[i]->digest, hex), place);
		if (!has_line(o, line, strlen(line)))
			buf_addstr(&more, line);
	}
	if (more.len && !more.toobig && write_all(s, o, &more, &err) < 0)
		log_debug("%s", err.msg);
}
