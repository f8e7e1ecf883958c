/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/chunked_header.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/utf8.h"
#include "layers/ustar.h"

#define XATTR "SCHILY.xattr."
#define SECONDS_END INT64_C(253402300800) /* the year 10000, which JSON has no time for */
#define NS_DIGITS 9
#define EXTENSIONS_MAX 8 /* before a header, which is read again for each */

struct header {
	char *name, *link;
	int64_t mode, uid, gid, size, major, minor;
	struct timespec mtime, atime, ctime;
	bool has_atime, has_ctime;
	struct json *xattrs;
};

/* --- fields --- */

/* Digits between blanks and NULs; nothing is 0. GNU's binary numbers are not understood. */
static bool octal(const char *p, size_t n, int64_t *ret)
{
	int64_t value = 0;

	while (n && (*p == ' ' || !*p)) {
		p++;
		n--;
	}
	while (n && (p[n - 1] == ' ' || !p[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '7')
			return false;
		value = value << 3 | (p[i] - '0');
	}
	*ret = value;
	return true;
}

#define OCTAL(field, ret) octal(field, sizeof(field), ret)

static const struct ustar *header_at(const uint8_t *p)
{
	return (const struct ustar *)p;
}

static bool sum_is_right(const struct ustar *h)
{
	int64_t said, sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += ((const uint8_t *)h)[i];
	for (size_t i = 0; i < sizeof(h->chksum); i++)
		sum += ' ' - (uint8_t)h->chksum[i];
	return OCTAL(h->chksum, &said) && said == sum;
}

static bool is_extension(char type)
{
	return type == 'x' || type == 'L' || type == 'K';
}

static int64_t padded(int64_t size)
{
	return (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

int64_t chunked_header_missing(const uint8_t *p, size_t n)
{
	size_t at = 0;

	for (unsigned i = 0; i <= EXTENSIONS_MAX; i++) {
		int64_t size;
		if (n - at < TAR_BLOCK)
			return (int64_t)(TAR_BLOCK - (n - at));
		const struct ustar *h = header_at(p + at);
		if (!sum_is_right(h) || !OCTAL(h->size, &size))
			return -1;
		if (!is_extension(h->typeflag))
			return n - at == TAR_BLOCK ? 0 : -1;
		if ((size_t)size > CHUNKED_HEADER_MAX ||
			at + (size_t)padded(size) > CHUNKED_HEADER_MAX)
			return -1;
		at += TAR_BLOCK + (size_t)padded(size);
		if (at > n)
			return (int64_t)(at - n) + TAR_BLOCK;
	}
	return -1;
}

/* --- extensions --- */

static bool is_utf8(const char *s)
{
	size_t n = strlen(s), width;

	for (; n; n -= width, s += width)
		if (!(width = utf8_width(s, n)))
			return false;
	return true;
}

/* "12.5" seconds */
static bool pax_time(const char *s, struct timespec *ret)
{
	char ns[NS_DIGITS + 1] = "000000000", *end;

	if (*s < '0' || *s > '9')
		return false;
	long long seconds = strtoll(s, &end, 10);
	if (*end == '.') {
		size_t n = strspn(++end, "0123456789");
		memcpy(ns, end, n > NS_DIGITS ? NS_DIGITS : n);
		end += n;
	}
	*ret = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = strtol(ns, NULL, 10)};
	return !*end && seconds < SECONDS_END;
}

static bool pax_number(const char *s, int64_t *ret)
{
	uint64_t value;

	if (!num_u64(s, INT64_MAX, &value))
		return false;
	*ret = (int64_t)value;
	return true;
}

/* value: n bytes and a NUL. What is empty takes back what a record before it said, or not. */
static bool pax_record(struct header *h, const char *key, const char *value, size_t n)
{
	if (str_has_prefix(key, XATTR)) {
		AUTO_FREE char *text = base64_encode(value, n);
		if (!is_utf8(key))
			return false;
		json_set_string(h->xattrs, key + strlen(XATTR), text);
		return true;
	}
	if (!n || strlen(value) != n || str_has_prefix(key, "GNU.sparse."))
		return false;
	if (streq(key, "path"))
		mem_replace(&h->name, xstrdup(value));
	else if (streq(key, "linkpath"))
		mem_replace(&h->link, xstrdup(value));
	else if (streq(key, "uid"))
		return pax_number(value, &h->uid);
	else if (streq(key, "gid"))
		return pax_number(value, &h->gid);
	else if (streq(key, "size"))
		return pax_number(value, &h->size);
	else if (streq(key, "mtime"))
		return pax_time(value, &h->mtime);
	else if (streq(key, "atime"))
		return h->has_atime = pax_time(value, &h->atime);
	else if (streq(key, "ctime"))
		return h->has_ctime = pax_time(value, &h->ctime);
	return true;
}

/* "LENGTH KEY=VALUE\n", LENGTH of all of it */
static bool pax_records(struct header *h, const uint8_t *p, size_t n)
{
	while (n) {
		const uint8_t *blank = memchr(p, ' ', n);
		size_t length = 0;
		for (const uint8_t *c = p; c < blank; c++) {
			if (*c < '0' || *c > '9' || length > n)
				return false;
			length = length * 10 + (size_t)(*c - '0');
		}
		if (!blank || length > n || p + length <= blank + 1 || p[length - 1] != '\n')
			return false;
		AUTO_FREE char *record =
			xstrndup((const char *)blank + 1, (size_t)(p + length - blank) - 2);
		char *value = strchr(record, '=');
		if (!value || value == record)
			return false;
		*value++ = '\0';
		size_t value_at = (size_t)(value - record) + (size_t)(blank + 1 - p);
		AUTO_FREE char *bytes = xmemdup(p + value_at, length - value_at);
		bytes[length - value_at - 1] = '\0';
		if (!pax_record(h, record, bytes, length - value_at - 1))
			return false;
		p += length;
		n -= length;
	}
	return true;
}

/* --- the header --- */

static char *text(const char *field, size_t n)
{
	return xstrndup(field, strnlen(field, n));
}

#define TEXT(field) text(field, sizeof(field))

/* The last block. */
static bool fields(struct header *h, const struct ustar *b)
{
	const bool gnu = !memcmp(b->magic, "ustar ", 6) && !memcmp(b->version, " ", 2);
	size_t end = gnu ? offsetof(struct ustar, prefix) : offsetof(struct ustar, pad);
	int64_t seconds;

	if (!gnu && (memcmp(b->magic, "ustar", 6) != 0 || memcmp(b->version, "00", 2) != 0))
		return false;
	for (; end < TAR_BLOCK; end++)
		if (((const uint8_t *)b)[end]) /* GNU's times and sparse maps, and star's */
			return false;
	if (!OCTAL(b->mode, &h->mode) || !OCTAL(b->uid, &h->uid) || !OCTAL(b->gid, &h->gid) ||
		!OCTAL(b->size, &h->size) || !OCTAL(b->mtime, &seconds) ||
		!OCTAL(b->devmajor, &h->major) || !OCTAL(b->devminor, &h->minor))
		return false;
	h->mtime = (struct timespec){.tv_sec = (time_t)seconds};
	AUTO_FREE char *name = TEXT(b->name);
	AUTO_FREE char *prefix = TEXT(b->prefix);
	h->name = *prefix ? xasprintf("%s/%s", prefix, name) : xstrdup(name);
	h->link = TEXT(b->linkname);
	return true;
}

/* Those before it, which take the place of what it says; GNU's names that of pax's. */
static bool extensions(struct header *h, const uint8_t *p, size_t n)
{
	AUTO_FREE char *name = NULL, *link = NULL;
	bool pax = false;

	for (size_t at = 0; at + TAR_BLOCK < n;) {
		const uint8_t *content = p + at + TAR_BLOCK;
		const char type = header_at(p + at)->typeflag;
		int64_t size;
		if (!OCTAL(header_at(p + at)->size, &size))
			return false;
		if (type == 'x' && (pax || !pax_records(h, content, (size_t)size)))
			return false;
		pax |= type == 'x';
		if (type != 'x')
			mem_replace(type == 'L' ? &name : &link,
				text((const char *)content, (size_t)size));
		at += TAR_BLOCK + (size_t)padded(size);
	}
	/* what is empty may mean the header's */
	if ((name && !*name) || (link && !*link))
		return false;
	if (name)
		mem_replace(&h->name, take(name));
	if (link)
		mem_replace(&h->link, take(link));
	return true;
}

static const char *type_name(char type)
{
	static const char *const names[] = {
		"reg", "hardlink", "symlink", "char", "block", "dir", "fifo"};

	return type >= '0' && type <= '6' ? names[type - '0'] : NULL;
}

static void set_time(struct json *o, const char *name, struct timespec t)
{
	char text[CLOCK_STR_MAX];

	json_set_string(o, name, clock_format(t, text));
}

static struct json *entry(const struct header *h, const char *type)
{
	struct json *o = json_new_object();

	json_set_string(o, "type", type);
	json_set_string(o, "name", h->name);
	if (*h->link)
		json_set_string(o, "linkName", h->link);
	json_set_int(o, "mode", h->mode);
	json_set_int(o, "size", h->size);
	json_set_int(o, "uid", h->uid);
	json_set_int(o, "gid", h->gid);
	set_time(o, "modtime", h->mtime);
	if (h->has_atime)
		set_time(o, "accesstime", h->atime);
	if (h->has_ctime)
		set_time(o, "changetime", h->ctime);
	json_set_int(o, "devMajor", h->major);
	json_set_int(o, "devMinor", h->minor);
	if (json_size(h->xattrs))
		json_set(o, "xattrs", json_ref(h->xattrs));
	return o;
}

struct json *chunked_header_entry(const uint8_t *p, size_t n, uint64_t *ret_size)
{
	const struct ustar *last = header_at(p + n - TAR_BLOCK);
	const char *type = type_name(last->typeflag);
	struct header h = {.xattrs = json_new_object()};
	struct json *o = NULL;

	if (type && fields(&h, last) && extensions(&h, p, n) && is_utf8(h.name) &&
		is_utf8(h.link) && *h.name && (last->typeflag == '0' || !h.size) &&
		(last->typeflag != '0' || h.name[strlen(h.name) - 1] != '/')) {
		o = entry(&h, type);
		*ret_size = (uint64_t)h.size;
	}
	free(h.name);
	free(h.link);
	json_free(h.xattrs);
	return o;
}
