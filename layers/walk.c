/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/walk.h"

#include "base/err.h"
#include "base/mem.h"
#include "layers/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DENTS_BUF (32 * KIB)
#define LINKS_MIN 256 /* buckets; a power of two */

struct names {
	char *data;
	size_t n, cap;
};

static size_t names_add(struct names *s, const char *name, bool slash)
{
	size_t len = strlen(name), need = len + (slash ? 2 : 1);
	if (s->cap - s->n < need) {
		s->cap = s->cap * 2 > s->n + need ? s->cap * 2 : s->n + need + 1024;
		s->data = xreallocarray(s->data, s->cap, 1);
	}
	size_t at = s->n;
	memcpy(s->data + at, name, len + 1);
	if (slash)
		memcpy(s->data + at + len, "/", 2);
	s->n += need;
	return at;
}

static void add_item(struct walk_list *l, size_t *cap, size_t name_at, struct walk_item item)
{
	if (l->n == *cap) {
		*cap = *cap ? *cap * 2 : 32;
		l->items = xreallocarray(l->items, *cap, sizeof(*l->items));
	}
	/* the names move while they grow: an offset until all are there */
	item.name = (const char *)(uintptr_t)name_at;
	l->items[l->n++] = item;
}

static int cmp_items(const void *pa, const void *pb)
{
	const struct walk_item *a = pa, *b = pb;
	if (a->whiteout != b->whiteout)
		return a->whiteout ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* getdents tells the type on every common file system; whiteouts need the device number, or (files)
 * a look at the file. */
static int classify(int dirfd, const char *path, const char *name, bool files,
	struct walk_item *item, struct err *err)
{
	if (item->type != DT_UNKNOWN && item->type != DT_CHR && !(files && item->type == DT_REG))
		return 0;
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "cannot stat '%s/%s'", path, name);
	item->type = (unsigned char)IFTODT(st.st_mode);
	item->whiteout = whiteout_is(dirfd, name, &st);
	return 0;
}

static int add_dirent(int dirfd, const char *path, const struct dirent64 *d, bool files,
	struct walk_list *l, size_t *cap, struct names *names, struct err *err)
{
	if (streq(d->d_name, ".") || streq(d->d_name, ".."))
		return 0;
	struct walk_item item = {.type = d->d_type};
	if (classify(dirfd, path, d->d_name, files, &item, err) < 0)
		return err->code;
	add_item(l, cap, names_add(names, d->d_name, false), item);
	if (item.type == DT_DIR) {
		item.descend = true;
		add_item(l, cap, names_add(names, d->d_name, true), item);
	}
	return 0;
}

int walk_list_read(int dirfd, const char *path, struct walk_list *ret, struct err *err)
{
	AUTO_WALK_LIST struct walk_list l = {0};
	struct names names = {0};
	size_t cap = 0;
	bool files = whiteout_is_file_in(dirfd);
	_Alignas(struct dirent64) char buf[DENTS_BUF];
	for (;;) {
		long n = syscall(SYS_getdents64, dirfd, buf, sizeof(buf));
		if (n < 0) {
			free(names.data);
			return err_sys(err, "cannot read directory '%s'", path);
		}
		if (n == 0)
			break;
		for (long at = 0; at < n;) {
			const struct dirent64 *d =
				(const struct dirent64 *)(const void *)(buf + at);
			if (add_dirent(dirfd, path, d, files, &l, &cap, &names, err) < 0) {
				free(names.data);
				return err->code;
			}
			at += d->d_reclen;
		}
	}
	for (size_t i = 0; i < l.n; i++)
		l.items[i].name = names.data + (uintptr_t)l.items[i].name;
	l.names = names.data;
	if (l.n > 1)
		qsort(l.items, l.n, sizeof(*l.items), cmp_items);
	/* the slash was for the order: with it, open(2) would follow a link */
	for (size_t i = 0; i < l.n; i++)
		if (l.items[i].descend)
			names.data[l.items[i].name - names.data +
				   (ptrdiff_t)strlen(l.items[i].name) - 1] = '\0';
	*ret = l;
	l = (struct walk_list){0};
	return 0;
}

void walk_list_done(struct walk_list *l)
{
	free(l->items);
	free(l->names);
	*l = (struct walk_list){0};
}

struct link {
	struct link *next;
	dev_t dev;
	ino_t ino;
	nlink_t left; /* names not met yet */
	char path[];
};

struct links {
	struct link **bucket;
	size_t n_buckets;
	size_t n;
	struct link *last; /* complete, but its path is still borrowed */
};

struct links *links_new(void)
{
	struct links *l = xcalloc(1, sizeof(*l));
	l->n_buckets = LINKS_MIN;
	l->bucket = xcalloc(l->n_buckets, sizeof(struct link *));
	return l;
}

void links_free(struct links *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_buckets; i++) {
		for (struct link *k = l->bucket[i]; k;) {
			struct link *next = k->next;
			free(k);
			k = next;
		}
	}
	free(l->last);
	free(l->bucket);
	free(l);
}

static struct link **find(struct links *l, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ ((uint64_t)dev << 40)) * 0x9e3779b97f4a7c15u;
	struct link **p = &l->bucket[(h >> 32) & (l->n_buckets - 1)];
	while (*p && ((*p)->ino != ino || (*p)->dev != dev))
		p = &(*p)->next;
	return p;
}

static void grow(struct links *l)
{
	struct links bigger = {.n_buckets = l->n_buckets * 2};
	bigger.bucket = xcalloc(bigger.n_buckets, sizeof(struct link *));
	for (size_t i = 0; i < l->n_buckets; i++) {
		for (struct link *k = l->bucket[i]; k;) {
			struct link *next = k->next;
			k->next = NULL;
			*find(&bigger, k->dev, k->ino) = k;
			k = next;
		}
	}
	free(l->bucket);
	l->bucket = bigger.bucket;
	l->n_buckets = bigger.n_buckets;
}

const char *links_meet(struct links *l, const struct stat *st, const char *path)
{
	free(take(l->last));
	struct link **p = find(l, st->st_dev, st->st_ino);
	if (*p) {
		struct link *k = *p;
		if (--k->left == 0) {
			*p = k->next;
			l->n--;
			l->last = k;
		}
		return k->path;
	}
	size_t n = strlen(path) + 1;
	struct link *k = xmalloc(sizeof(*k) + n);
	*k = (struct link){.dev = st->st_dev, .ino = st->st_ino, .left = st->st_nlink - 1};
	memcpy(k->path, path, n);
	*p = k;
	if (++l->n > l->n_buckets)
		grow(l);
	return NULL;
}
