/* SPDX-License-Identifier: Apache-2.0 */
#include "store/containers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/container_doc.h"
#include "store/containers_internal.h"
#include "store/dir_list.h"
#include "store/store_internal.h"

#define CANDIDATES_SHOWN 10 /* of those that an ID may be */

void container_init(struct container *c)
{
	*c = (struct container)CONTAINER_INIT;
}

void container_unlock(struct container *c)
{
	mem_close_p(&c->root);
	mem_close_p(&c->running);
	mem_close_p(&c->dir);
}

void container_done(struct container *c)
{
	free(c->name);
	free(c->created);
	free(c->image_name);
	descriptor_done(&c->manifest);
	image_config_done(&c->config);
	map_done(&c->annotations);
	free(c->created_by);
	free(c->history_comment);
	free(c->comment);
	free(c->hostname);
	free(c->domainname);
	strv_done(&c->options);
	strv_done(&c->links);
	free(c->mount_boot);
	free(c->mount_space);
	free(c->damaged);
	container_unlock(c);
	container_init(c);
}

int container_load(int dir, const char *id, struct container *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t n;

	container_init(ret);
	int r = fs_read_plain(dir, CONTAINER_DOC, CONTAINER_DOC_MAX, &text, &n, err);
	if (r == 0)
		r = container_doc_parse(text, n, ret, err);
	if (r < 0) {
		container_done(ret);
		return r;
	}
	memcpy(ret->id, id, sizeof(ret->id));
	return 0;
}

/* One that cannot be read does not hide the others. */
static int load_any(int dir, const char *id, struct container *ret, struct err *err)
{
	struct err e = ERR_INIT;
	int r = container_load(dir, id, ret, &e);
	if (r < 0 && r != ERR_NOT_FOUND && store_is_damage(&e)) {
		memcpy(ret->id, id, sizeof(ret->id));
		ret->name = xstrdup(id);
		ret->created = xstrdup("");
		ret->image_name = xstrdup("<damaged>");
		ret->scratch = true;
		ret->damaged = xstrdup(e.msg);
		return 0;
	}
	if (r < 0)
		*err = e;
	return r;
}

static int open_dir(struct store *s, const char *id)
{
	AUTO_FREE char *path = xasprintf(CONTAINERS_DIR "/%s", id);
	return openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_id(const char *text)
{
	return strlen(text) == CONTAINER_ID_LEN &&
	       strspn(text, "0123456789abcdef") == CONTAINER_ID_LEN;
}

static int by_age(const void *a, const void *b)
{
	const struct container *x = a, *y = b;
	struct timespec s = {0}, t = {0};

	if (!clock_parse(x->created, &s) || !clock_parse(y->created, &t))
		return strcmp(x->id, y->id);
	if (s.tv_sec != t.tv_sec)
		return s.tv_sec < t.tv_sec ? -1 : 1;
	if (s.tv_nsec != t.tv_nsec)
		return s.tv_nsec < t.tv_nsec ? -1 : 1;
	return strcmp(x->id, y->id);
}

int containers_list(struct store *s, struct containers *ret, struct err *err)
{
	AUTO_STRV struct strv ids = STRV_INIT;
	AUTO_CONTAINERS struct containers l = {0};

	int r = dir_list(s->fd, CONTAINERS_DIR, &ids, err);
	STRV_FOREACH (id, &ids) {
		AUTO_FD int dir = -1;
		struct err e = ERR_INIT;
		struct container c;
		if (r < 0)
			return r;
		if (!is_id(*id))
			continue;
		dir = open_dir(s, *id);
		if (dir < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue; /* it went just now, or is none: for fsck */
		if (dir < 0)
			return err_sys(err, "cannot open the working container %s", *id);
		r = load_any(dir, *id, &c, &e);
		if (r == ERR_NOT_FOUND) {
			r = 0;
			continue;
		}
		if (r < 0) {
			*err = e;
			return err_wrap(err, "working container %.12s", *id);
		}
		l.c = xreallocarray(l.c, l.n + 1, sizeof(*l.c));
		l.c[l.n++] = c;
	}
	if (l.n)
		qsort(l.c, l.n, sizeof(*l.c), by_age);
	*ret = l;
	l = (struct containers){0};
	return r;
}

void containers_done(struct containers *l)
{
	for (size_t i = 0; i < l->n; i++)
		container_done(&l->c[i]);
	free(l->c);
	*l = (struct containers){0};
}

/* --- one of them --- */

/* Which ones a prefix of an ID may be, as far as they fit a line. */
static int ambiguous(const char *text, const struct containers *l, size_t matches, struct err *err)
{
	AUTO_BUF struct buf list = BUF_INIT(4096);
	size_t shown = 0;

	for (size_t i = 0; i < l->n && shown < CANDIDATES_SHOWN; i++)
		if (str_has_prefix(l->c[i].id, text))
			buf_addf(&list, "%s%.12s (%s)", shown++ ? ", " : "", l->c[i].id,
				l->c[i].name);
	if (matches > shown)
		buf_addf(&list, ", and %zu more", matches - shown);
	return err_set(err, ERR_INVALID,
		"'%s' is ambiguous: the IDs of %zu working containers begin with it: %s", text,
		matches, buf_str(&list));
}

/* A name before an ID before a prefix of one. */
static int find_any(struct store *s, const char *text, struct container *ret, struct err *err)
{
	AUTO_CONTAINERS struct containers l = {0};
	struct container *found = NULL;
	size_t n = 0;

	int r = containers_list(s, &l, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < l.n; i++) {
		if (streq(l.c[i].name, text) || streq(l.c[i].id, text)) {
			found = &l.c[i];
			n = 1;
			break;
		}
		if (*text && str_has_prefix(l.c[i].id, text)) {
			found = &l.c[i];
			n++;
		}
	}
	if (n > 1)
		return ambiguous(text, &l, n, err);
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "'%s': container not known", text);
	*ret = *found;
	container_init(found);
	return 0;
}

int container_find(struct store *s, const char *text, struct container *ret, struct err *err)
{
	AUTO_CONTAINER struct container c;

	container_init(&c);
	int r = find_any(s, text, &c, err);
	if (r == 0 && c.damaged)
		return err_set(err, ERR_CORRUPT,
			"the working container is damaged, 'mica rm %.12s' removes it: %s", c.id,
			c.damaged);
	if (r == 0) {
		*ret = c;
		container_init(&c);
	}
	return r;
}

static int lock_dir(int fd, bool wait)
{
	int r;
	while ((r = flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB)) < 0 && errno == EINTR)
		;
	return r;
}

/* c's directory; text: what the user called it */
static int lock_container(struct store *s, const struct container *c, const char *text, bool wait,
	int *ret_dir, struct err *err)
{
	AUTO_FREE char *doc = xasprintf(CONTAINERS_DIR "/%s/" CONTAINER_DOC, c->id);
	AUTO_FD int dir = open_dir(s, c->id);
	if (dir >= 0 && lock_dir(dir, wait) < 0)
		return errno == EWOULDBLOCK
		               ? err_set(err, ERR_BUSY,
					 "another process uses the working container '%s'", c->name)
		               : err_sys(err, "cannot lock the working container '%s'", c->name);
	/* whoever had it may have removed it */
	if (dir < 0 || faccessat(s->fd, doc, F_OK, 0) < 0)
		return err_set(err, ERR_NOT_FOUND, "'%s': container not known", text);
	*ret_dir = take_fd(&dir);
	return 0;
}

/* damaged: one that is, too */
static int open_dir_locked(struct store *s, const char *text, bool damaged, bool wait,
	struct container *ret, struct err *err)
{
	AUTO_CONTAINER struct container c;
	AUTO_FD int dir = -1;
	int r;

	container_init(&c);
	if ((r = damaged ? find_any(s, text, &c, err) : container_find(s, text, &c, err)) < 0 ||
		(r = lock_container(s, &c, text, wait, &dir, err)) < 0 ||
		(r = (damaged ? load_any : container_load)(dir, c.id, ret, err)) < 0)
		return r;
	ret->dir = take_fd(&dir);
	return 0;
}

static int open_locked(struct store *s, const char *text, bool damaged, enum container_hold hold,
	bool wait, struct container *ret, struct err *err)
{
	for (unsigned tries = 0;; tries++) {
		AUTO_CONTAINER struct container c;
		container_init(&c);
		int r = open_dir_locked(s, text, damaged, wait, &c, err);
		if (r == 0)
			r = container_take_hold(s, hold, &c, err);
		if (r == 0) {
			*ret = c;
			container_init(&c);
		}
		if (r != ERR_BUSY || !wait)
			return r;
		err_clear(err);
		(void)flock(c.dir, LOCK_UN);
		if (container_await(c.dir, hold, tries, err) < 0)
			return err->code;
	}
}

int container_open(struct store *s, const char *text, enum container_hold hold, bool wait,
	struct container *ret, struct err *err)
{
	return open_locked(s, text, false, hold, wait, ret, err);
}

int container_open_any(
	struct store *s, const char *text, bool wait, struct container *ret, struct err *err)
{
	return open_locked(s, text, true, CONTAINER_ALONE, wait, ret, err);
}

int container_save(const struct container *c, struct err *err)
{
	AUTO_FREE char *text = container_doc_dump(c);
	size_t n = strlen(text);

	/* what was edited must be readable the next time */
	AUTO_CONTAINER struct container again;
	container_init(&again);
	int r = container_doc_parse(text, n, &again, err);
	if (r < 0)
		return err_wrap(err, "the container would be one that nobody reads");
	return fs_write_file(c->dir, CONTAINER_DOC, text, n, 0600, true, err);
}
