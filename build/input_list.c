/* SPDX-License-Identifier: Apache-2.0 */
#include "build/input_list.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/xattr.h"
#include "build/build_internal.h"
#include "build/cache.h"
#include "build/explain.h"
#include "store/notes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONTENT_DIGITS 16 /* enough to tell two contents apart */

static char type_letter(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	default:
		return 'D';
	}
}

/* What is neither a delimiter nor moves a terminal's cursor. */
static char plain_byte(char c)
{
	if (c > ' ' && c < 0x7f && c != ',' && c != '=')
		return c;
	return '_';
}

/* ",NAME=VALUE": a digest of it */
static void add_xattr(struct buf *list, const struct xattr *x)
{
	char hex[DIGEST_STR_MAX];
	struct digest value = digest_of(x->value, x->len);
	buf_addch(list, ',');
	for (const char *c = x->name; *c; c++)
		buf_addch(list, plain_byte(*c));
	buf_addf(list, "=%.*s", CONTENT_DIGITS, digest_hex(&value, hex));
}

/* "TYPE MODE OWNER FIRST CONTENT", where "-" is what is no input, and FIRST a digest of the name
 * that the file has too, or 0, and then its extended attributes */
void input_list_add(struct buf *list, const struct input_item *item)
{
	char hex[DIGEST_STR_MAX];
	if (item->has_perm)
		buf_addf(list, "%c %o ", type_letter(item->mode), item->mode & 07777);
	else
		buf_addf(list, "%c - ", type_letter(item->mode));
	if (item->has_owner)
		buf_addf(list, "%u:%u ", item->uid, item->gid);
	else
		buf_addstr(list, "- ");
	struct digest first =
		item->first ? digest_of(item->first, strlen(item->first)) : (struct digest){0};
	buf_addf(list, "%.*s", item->first ? CONTENT_DIGITS : 1, digest_hex(&first, hex));
	for (size_t i = 0; item->xattrs && i < item->xattrs->n; i++)
		add_xattr(list, &item->xattrs->x[i]);
	buf_addch(list, ' ');
	if (item->link)
		buf_addstr(list, item->link);
	else
		buf_addf(list, "%.*s", CONTENT_DIGITS, digest_hex(item->content, hex));
	buf_addch(list, '\0');
	buf_add(list, item->path, strlen(item->path) + 1);
}

struct digest input_list_id(const struct digest *inputs, const struct strv *sources)
{
	struct key k;
	key_init(&k, "input list");
	key_digest(&k, inputs);
	key_strv(&k, sources);
	return key_final(&k);
}

void input_list_keep(struct build *b, const struct digest *id, struct buf *list)
{
	struct err err = ERR_INIT;
	if (list->toobig || note_has(b->store, NOTE_LIST, id))
		return;
	if (note_write(b->store, b->txn, NOTE_LIST, id, id, list->data, list->len, &err) < 0)
		log_debug("list of inputs: %s", err.msg);
}

bool input_list_has(struct build *b, const struct digest *id)
{
	return note_has(b->store, NOTE_LIST, id);
}

char *input_list_get(struct build *b, const struct digest *id, size_t *ret_len)
{
	struct err ignored = ERR_INIT;
	char *text = NULL;
	if (note_read(b->store, NOTE_LIST, id, &text, ret_len, &ignored) < 0)
		return NULL;
	return text;
}

/* --- comparing --- */

struct line {
	const char *attributes, *path;
};

struct lines {
	struct line *l;
	size_t n;
};

static void lines_done(struct lines *a)
{
	free(a->l);
}
#define AUTO_LINES __attribute__((cleanup(lines_done)))

static int by_path(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int c = strcmp(x->path, y->path);
	return c ? c : strcmp(x->attributes, y->attributes);
}

static struct lines split(const char *text, size_t len)
{
	struct lines r = {0};
	size_t cap = 0;
	for (const char *end = text + len; text < end;) {
		const char *nul = memchr(text, '\0', (size_t)(end - text));
		const char *path = nul ? nul + 1 : end;
		const char *over = path < end ? memchr(path, '\0', (size_t)(end - path)) : NULL;
		if (!over)
			break;
		if (r.n == cap) {
			cap = cap ? 2 * cap : 256;
			r.l = xreallocarray(r.l, cap, sizeof(*r.l));
		}
		r.l[r.n++] = (struct line){.attributes = text, .path = path};
		text = over + 1;
	}
	if (r.n)
		qsort(r.l, r.n, sizeof(*r.l), by_path);
	return r;
}

enum field { FIELD_TYPE, FIELD_MODE, FIELD_OWNER, FIELD_FIRST, FIELD_CONTENT, FIELDS };

/* The last one is the rest, blanks and all. */
static bool split_fields(const char *attributes, struct strv *ret)
{
	for (int i = 0; i < FIELD_CONTENT; i++) {
		const char *blank = strchr(attributes, ' ');
		if (!blank)
			return false;
		strv_add_take(ret, xstrndup(attributes, (size_t)(blank - attributes)));
		attributes = blank + 1;
	}
	strv_add(ret, attributes);
	return true;
}

static const char *type_name(const char *letter)
{
	switch (*letter) {
	case 'f':
		return "file";
	case 'd':
		return "directory";
	case 'l':
		return "symbolic link";
	case 'p':
		return "FIFO";
	case 's':
		return "socket";
	default:
		return "device";
	}
}

static void add_line(struct strv *ret, const char *path, char *what)
{
	AUTO_FREE char *shown = explain_quote(path), *text = what;
	strv_addf(ret, "file %s: %s", shown, text);
}

static const char *find_xattr(const struct strv *all, const char *name, size_t len)
{
	for (size_t i = 1; i < all->n; i++)
		if (strncmp(all->v[i], name, len) == 0)
			return all->v[i] + len;
	return NULL;
}

/* Adds what is different between two FIRST fields; true when it is attributes. Old lists have none.
 */
static bool compare_xattrs(const char *before, const char *now, struct strv *what)
{
	AUTO_STRV struct strv a = STRV_INIT, b = STRV_INIT;
	strv_split(&a, before, ',');
	strv_split(&b, now, ',');
	size_t had = what->n;
	for (size_t i = 1; i < b.n; i++) {
		size_t len = strcspn(b.v[i], "=") + 1;
		const char *old = find_xattr(&a, b.v[i], len);
		if (!old || !streq(old, b.v[i] + len))
			strv_addf(what, "extended attribute %.*s %s", (int)len - 1, b.v[i],
				old ? "changed" : "added");
	}
	for (size_t i = 1; i < a.n; i++) {
		size_t len = strcspn(a.v[i], "=") + 1;
		if (!find_xattr(&b, a.v[i], len))
			strv_addf(what, "extended attribute %.*s removed", (int)len - 1, a.v[i]);
	}
	return what->n > had;
}

/* What is different between two things of one path: one line, the attribute that tells most. */
static void compare_attributes(
	const char *path, const char *before, const char *now, struct strv *ret)
{
	AUTO_STRV struct strv a = STRV_INIT, b = STRV_INIT;
	if (!split_fields(before, &a) || !split_fields(now, &b))
		return;
	AUTO_STRV struct strv what = STRV_INIT;
	if (!streq(a.v[FIELD_TYPE], b.v[FIELD_TYPE])) {
		strv_addf(
			&what, "%s -> %s", type_name(a.v[FIELD_TYPE]), type_name(b.v[FIELD_TYPE]));
	} else if (!streq(a.v[FIELD_CONTENT], b.v[FIELD_CONTENT])) {
		AUTO_FREE char *from = explain_quote(a.v[FIELD_CONTENT]),
			       *to = explain_quote(b.v[FIELD_CONTENT]);
		if (*a.v[FIELD_TYPE] == 'l')
			strv_addf(&what, "target %s -> %s", from, to);
		else if (*a.v[FIELD_TYPE] == 'd')
			strv_add(&what, "extended attributes");
		else if (!compare_xattrs(a.v[FIELD_FIRST], b.v[FIELD_FIRST], &what))
			strv_addf(&what, "content sha256:%.12s -> sha256:%.12s", a.v[FIELD_CONTENT],
				b.v[FIELD_CONTENT]);
	}
	static const char *const names[] = {[FIELD_MODE] = "mode", [FIELD_OWNER] = "owner"};
	for (int i = FIELD_MODE; i <= FIELD_OWNER; i++)
		if (!streq(a.v[i], b.v[i]))
			strv_addf(&what, "%s %s -> %s", names[i], a.v[i], b.v[i]);
	if (!what.n)
		strv_add(&what, "which names are one file");
	add_line(ret, path, strv_join(&what, ", "));
}

void input_list_compare(const char *before, size_t before_len, const char *now, size_t now_len,
	size_t max, struct strv *ret)
{
	AUTO_LINES struct lines a = split(before, before_len);
	AUTO_LINES struct lines b = split(now, now_len);
	size_t i = 0, k = 0, n = 0;
	while (i < a.n || k < b.n) {
		int c = i == a.n ? 1 : k == b.n ? -1 : strcmp(a.l[i].path, b.l[k].path);
		bool same = c == 0 && streq(a.l[i].attributes, b.l[k].attributes);
		n += !same;
		if (!same && n <= max) {
			if (c < 0)
				add_line(ret, a.l[i].path, xstrdup("removed"));
			else if (c > 0)
				add_line(ret, b.l[k].path, xstrdup("added"));
			else
				compare_attributes(
					a.l[i].path, a.l[i].attributes, b.l[k].attributes, ret);
		}
		i += c <= 0;
		k += c >= 0;
	}
	if (n > max)
		strv_addf(ret, "and %zu more files", n - max);
}
