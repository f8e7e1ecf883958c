/* SPDX-License-Identifier: Apache-2.0 */
#include "build/leak.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/secrets.h"
#include "build/steps.h"
#include "layers/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 2048 /* as deep as a path of a layer can be */
#define CHUNK (1 * MIB)
#define LINE_MAX_LEN (LEAK_HELD_MAX / 2) /* of a longer line this much is looked for */

static size_t length_of(const struct secret *s)
{
	size_t n = s->len;
	while (n && (s->data[n - 1] == '\n' || s->data[n - 1] == '\r'))
		n--;
	return n;
}

/* --- in files --- */

struct search {
	const struct secret **wanted;
	size_t n, longest;
	char *chunk; /* CHUNK bytes, after those that the chunk before ended with */
	const struct secret *found;
	char *path;
	unsigned depth;
};

static bool search_chunk(struct search *s, const char *p, size_t n)
{
	for (size_t i = 0; i < s->n && !s->found; i++)
		if (memmem(p, n, s->wanted[i]->data, length_of(s->wanted[i])))
			s->found = s->wanted[i];
	return s->found;
}

static int search_file(struct search *s, int dirfd, const char *name, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	size_t kept = 0;
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", name);
	for (;;) {
		ssize_t n = read(fd, s->chunk + kept, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read '%s'", name);
		if (n == 0 || search_chunk(s, s->chunk, kept + (size_t)n))
			return 0;
		size_t all = kept + (size_t)n;
		kept = all < s->longest - 1 ? all : s->longest - 1;
		memmove(s->chunk, s->chunk + all - kept, kept);
	}
}

static int search_dir(
	struct search *s, int dirfd, const char *name, const char *path, struct err *err)
{
	AUTO_WALK_LIST struct walk_list list = {0};
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	if (s->depth == DEPTH_MAX)
		return err_set(
			err, ERR_LIMIT, "directories are nested more than %d deep", DEPTH_MAX);
	int r = walk_list_read(fd, path, &list, err);
	s->depth++;
	for (size_t i = 0; r == 0 && !s->found && i < list.n; i++) {
		const struct walk_item *e = &list.items[i];
		AUTO_FREE char *at = path_join(path, e->name);
		if (e->descend)
			r = search_dir(s, fd, e->name, at, err);
		else if (e->type == DT_REG && !e->whiteout)
			r = search_file(s, fd, e->name, err);
		if (s->found && !s->path)
			s->path = take(at);
	}
	s->depth--;
	return r;
}

int leak_find(int dir, const struct secrets *all, const struct step *step,
	const struct secret **ret, char **ret_path, struct err *err)
{
	AUTO_FREE const struct secret **wanted = xcalloc(step->n_mounts + 1, sizeof(*wanted));
	struct search s = {.wanted = wanted};
	for (size_t i = 0; i < step->n_mounts; i++) {
		const struct step_mount *m = &step->mounts[i];
		const struct secret *one =
			m->o.type == MOUNT_SECRET ? secrets_find(all, m->id) : NULL;
		if (!one || !one->loaded || one->leak == LEAK_ALLOW || length_of(one) < LEAK_MIN)
			continue;
		s.wanted[s.n++] = one;
		s.longest = length_of(one) > s.longest ? length_of(one) : s.longest;
	}
	if (!s.n)
		return 0;
	s.chunk = xmalloc(CHUNK + s.longest);
	int r = search_dir(&s, dir, ".", "/", err);
	explicit_bzero(s.chunk, CHUNK + s.longest);
	free(s.chunk);
	if (r == 0 && s.found) {
		*ret = s.found;
		*ret_path = take(s.path);
		r = 1;
	}
	free(s.path);
	return r;
}

/* --- in output --- */

bool leak_masks(const struct secrets *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->s[i].leak == LEAK_FAIL && all->s[i].loaded)
			return true;
	return false;
}

struct line {
	const char *p;
	size_t n;
};

/* The next line that is looked for after *at, which begins as {0, 0}; .p NULL: there is none. */
struct at {
	size_t secret, pos;
};

static struct line next_line(const struct secrets *all, struct at *at)
{
	for (; at->secret < all->n; at->secret++, at->pos = 0) {
		const struct secret *s = &all->s[at->secret];
		if (s->leak != LEAK_FAIL || !s->loaded)
			continue;
		while (at->pos < s->len) {
			const char *p = s->data + at->pos, *end = memchr(p, '\n', s->len - at->pos);
			size_t n = end ? (size_t)(end - p) : s->len - at->pos;
			at->pos += n + 1;
			if (n && p[n - 1] == '\r')
				n--;
			if (n >= LEAK_MIN)
				return (struct line){p, n < LINE_MAX_LEN ? n : LINE_MAX_LEN};
		}
	}
	return (struct line){0};
}

/* The first of them in the text. */
static struct line first_in(const struct secrets *all, const char *text, size_t n)
{
	struct line first = {0};
	struct at at = {0};
	for (struct line l; (l = next_line(all, &at)).p;) {
		const char *p = memmem(text, n, l.p, l.n);
		if (p && (!first.p || p < first.p))
			first = (struct line){p, l.n};
	}
	return first;
}

/* How many bytes at the end of the text may be the beginning of one. */
static size_t beginning(const struct secrets *all, const char *text, size_t n)
{
	size_t longest = 0;
	struct at at = {0};
	for (struct line l; (l = next_line(all, &at)).p;)
		for (size_t k = l.n - 1 < n ? l.n - 1 : n; k > longest; k--)
			if (memcmp(text + n - k, l.p, k) == 0)
				longest = k;
	return longest;
}

void leak_mask(const struct secrets *all, struct buf *held, const char *text, size_t n, bool end,
	struct buf *ret)
{
	AUTO_BUF struct buf joined = BUF_INIT(held->len + n + 1);
	if (held->len) {
		buf_add(&joined, held->data, held->len);
		buf_add(&joined, text, n);
		text = joined.data;
		n = joined.len;
		buf_clear(held);
	}
	for (struct line l; (l = first_in(all, text, n)).p;) {
		size_t before = (size_t)(l.p - text);
		buf_add(ret, text, before);
		buf_addstr(ret, "***");
		text += before + l.n;
		n -= before + l.n;
	}
	size_t keep = end ? 0 : beginning(all, text, n);
	buf_add(ret, text, n - keep);
	buf_add(held, text + n - keep, keep);
}
