/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/stack.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK_INIT                                                                                 \
	{                                                                                          \
		.below = -1                                                                        \
	}

/* Adds a directory; an opaque one is the last that counts. Takes fd over. */
static void add(struct stack *s, int fd)
{
	s->dirs = xreallocarray(s->dirs, s->n + 1, sizeof(*s->dirs));
	s->dirs[s->n++] = fd;
	s->hides = whiteout_is_opaque(fd);
}

static int open_dir(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_failed(const struct buf *path, struct err *err)
{
	return err_sys(err, "cannot open '%s'", buf_str(path));
}

static void hand_over(struct stack *s, struct stack *ret)
{
	*ret = *s;
	*s = (struct stack)STACK_INIT;
}

int stack_open(const int *layers, size_t n, int below, struct stack *ret, struct err *err)
{
	AUTO_STACK struct stack s = STACK_INIT;
	for (size_t i = 0; i < n && !s.hides; i++) {
		int fd = open_dir(layers[i], ".");
		if (fd < 0)
			return err_sys(err, "cannot open a layer");
		add(&s, fd);
	}
	if (below >= 0 && (s.below = open_dir(below, ".")) < 0)
		return err_sys(err, "cannot open what the layers lie upon");
	hand_over(&s, ret);
	return 0;
}

int stack_open_one(int layer, struct stack *ret, struct err *err)
{
	if (stack_open(&layer, 1, -1, ret, err) < 0)
		return err->code;
	ret->as_is = true;
	return 0;
}

/* The directories called name, from layer `at` down, as far as they show through. */
static int enter_dirs(const struct stack *s, size_t at, const char *name, const struct buf *path,
	struct stack *ret, struct err *err)
{
	for (size_t i = at; i < s->n && !ret->hides; i++) {
		struct stat st;
		if (i > at && fstatat(s->dirs[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return open_failed(path, err);
		}
		if (i > at && !S_ISDIR(st.st_mode)) {
			ret->hides = true;
			return 0;
		}
		int fd = open_dir(s->dirs[i], name);
		if (fd < 0)
			return open_failed(path, err);
		add(ret, fd);
	}
	ret->hides |= s->hides && !s->as_is;
	return 0;
}

int stack_enter(const struct stack *s, size_t at, const char *name, const struct buf *path,
	struct stack *ret, struct err *err)
{
	AUTO_STACK struct stack sub = STACK_INIT;
	if (enter_dirs(s, at, name, path, &sub, err) < 0)
		return err->code;
	sub.as_is = s->as_is;
	/* what the parent hides is not there to be hidden again */
	sub.below = s->below >= 0 && !s->hides ? open_dir(s->below, name) : -1;
	hand_over(&sub, ret);
	return 0;
}

bool stack_is_opaque(const struct stack *s)
{
	return s->hides && (s->as_is || s->below >= 0);
}

/* --- names --- */

/* A directory's content is listed with a slash that its name does not have. */
static unsigned char byte_at(const struct walk_item *item, size_t i)
{
	return item->name[i] ? (unsigned char)item->name[i] : item->descend ? '/' : '\0';
}

static int compare(const void *pa, const void *pb)
{
	const struct walk_item *a = &((const struct stack_item *)pa)->item;
	const struct walk_item *b = &((const struct stack_item *)pb)->item;
	if (a->whiteout != b->whiteout)
		return a->whiteout ? -1 : 1;
	size_t i = 0;
	while (a->name[i] && a->name[i] == b->name[i])
		i++;
	return (int)byte_at(a, i) - (int)byte_at(b, i);
}

static int by_name(const void *pa, const void *pb)
{
	const struct stack_item *a = pa, *b = pb;
	int c = strcmp(a->item.name, b->item.name);
	return c ? c : (a->at > b->at) - (a->at < b->at);
}

static bool hides_something(const struct stack *s, const char *name)
{
	struct stat st;
	return s->as_is || (s->below >= 0 && !s->hides &&
				   fstatat(s->below, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
}

/* Of each name what the topmost layer has, and of whiteouts those that are needed. */
static void keep_what_shows(const struct stack *s, struct stack_list *l)
{
	size_t kept = 0;
	const char *name = NULL;
	size_t at = 0;
	if (s->n > 1)
		qsort(l->items, l->n, sizeof(*l->items), by_name);
	for (size_t i = 0; i < l->n; i++) {
		const struct stack_item *k = &l->items[i];
		bool same = name && streq(name, k->item.name);
		if (!same)
			at = k->at;
		name = k->item.name;
		if (at == k->at && (!k->item.whiteout || hides_something(s, name)))
			l->items[kept++] = *k;
	}
	l->n = kept;
	if (s->n > 1)
		qsort(l->items, l->n, sizeof(*l->items), compare);
}

int stack_list(const struct stack *s, const char *path, struct stack_list *ret, struct err *err)
{
	AUTO_STACK_LIST struct stack_list l = {0};
	l.lists = xcalloc(s->n + 1, sizeof(*l.lists));
	for (size_t i = 0; i < s->n; i++) {
		struct walk_list *names = &l.lists[l.n_lists];
		if (walk_list_read(s->dirs[i], path, names, err) < 0)
			return err->code;
		l.n_lists++;
		l.items = xreallocarray(l.items, l.n + names->n + 1, sizeof(*l.items));
		for (size_t k = 0; k < names->n; k++)
			l.items[l.n++] = (struct stack_item){.item = names->items[k], .at = i};
	}
	keep_what_shows(s, &l);
	*ret = l;
	l = (struct stack_list){0};
	return 0;
}

void stack_list_done(struct stack_list *l)
{
	for (size_t i = 0; i < l->n_lists; i++)
		walk_list_done(&l->lists[i]);
	free(l->lists);
	free(l->items);
	*l = (struct stack_list){0};
}

void stack_done(struct stack *s)
{
	for (size_t i = 0; i < s->n; i++)
		close(s->dirs[i]);
	mem_close_p(&s->below);
	free(s->dirs);
	*s = (struct stack)STACK_INIT;
}
