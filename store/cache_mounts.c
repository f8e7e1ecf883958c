/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cache_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/dir_list.h"
#include "store/store_internal.h"

#define PREFIX_MIN 3

static bool can_be_shown(const char *id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)id[i] < ' ' || id[i] == 0x7f)
			return false;
	return n > 0 && n <= CACHE_MOUNT_ID_MAX;
}

void cache_mount_note(int dir, const char *id)
{
	struct err err = ERR_INIT;
	struct stat st;
	size_t n = strlen(id);
	/* only people read it: without it they see the name */
	if (can_be_shown(id, n) && fstatat(dir, "id", &st, AT_SYMLINK_NOFOLLOW) < 0 &&
		fs_write_file(dir, "id", id, n, 0600, false, &err) < 0)
		log_debug("%s", err.msg);
	if (futimens(dir, NULL) < 0)
		log_debug("cannot set the time of a cache mount");
}

/* NULL: none that could be shown */
static char *read_id(struct store *s, const char *name)
{
	AUTO_FREE char *path = xasprintf(MOUNTS_DIR "/%s/id", name), *text = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	if (fs_read_plain(s->fd, path, CACHE_MOUNT_ID_MAX, &text, &n, &ignored) < 0 ||
		!can_be_shown(text, n))
		return NULL;
	return take(text);
}

char *cache_mount_id(struct store *s, const char *name)
{
	char *id = read_id(s, name);
	return id ? id : xstrdup(name);
}

bool cache_mount_has_id(struct store *s, const char *name)
{
	AUTO_FREE char *id = read_id(s, name);
	return id != NULL;
}

int cache_mount_list(struct store *s, struct strv *ret, struct err *err)
{
	return dir_list(s->fd, MOUNTS_DIR, ret, err);
}

int cache_mount_find(struct store *s, const char *text, struct strv *ret, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	size_t before = ret->n;
	int r = dir_list(s->fd, MOUNTS_DIR, &names, err);
	if (r < 0)
		return r;
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *id = cache_mount_id(s, *name);
		if (streq(id, text) || (strlen(text) >= PREFIX_MIN && str_has_prefix(*name, text)))
			strv_add(ret, *name);
	}
	if (ret->n == before)
		return err_set(err, ERR_NOT_FOUND, "there is no cache mount '%s'", text);
	return 0;
}

/* flock(2) asks for no right to write. */
static int lock_as_it_is(struct store *s, const char *name, int *ret_lock, struct err *err)
{
	AUTO_FD int fd = fs_open_plain(s->fd, name, O_RDONLY, 0);
	if (fd < 0)
		return err_sys(err, "store '%s': cannot open the lock '%s'", s->path, name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, ERR_BUSY, "'%s' is locked by another process", name);
	*ret_lock = take_fd(&fd);
	return 0;
}

int cache_mount_lock(struct store *s, const char *name, const char *id, int *ret_dir, int *ret_lock,
	struct err *err)
{
	AUTO_FREE char *path = xasprintf(MOUNTS_DIR "/%s", name),
		       *lock = xasprintf(MOUNTS_DIR "/%s/0.lock", name);
	AUTO_FD int dir = -1;
	int r;
	if (mkdirat(s->fd, path, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make the cache mount '%s'", id);
	if ((r = store_open_dir(s, path, &dir, err)) < 0)
		return r;
	cache_mount_note(dir, id);
	r = store_lock(s, lock, LOCK_EXCLUSIVE, false, ret_lock, err);
	if (r < 0 && store_is_closed(err)) { /* it can be read */
		err_clear(err);
		r = lock_as_it_is(s, lock, ret_lock, err);
	}
	if (r == ERR_BUSY)
		return err_set(err, r, "a step uses the cache mount '%s'", id);
	if (r == 0)
		*ret_dir = take_fd(&dir);
	return r;
}

int cache_mount_remove(struct store *s, const char *name, struct err *err)
{
	AUTO_FREE char *path = xasprintf(MOUNTS_DIR "/%s", name);
	AUTO_TXN struct txn *t = NULL; /* sweeps leave what we look at alone */
	AUTO_FD int alone = -1;
	int r = store_lock(s, "gc.lock", LOCK_EXCLUSIVE, false, &alone, err);
	if (r == ERR_BUSY) {
		err_clear(err);
		r = txn_begin(s, &t, err);
	}
	if (r == 0)
		r = cache_mount_empty(s, name, err);
	return r == 0 && alone >= 0 ? store_remove(s, path, err) : r;
}

int cache_mount_empty(struct store *s, const char *name, struct err *err)
{
	AUTO_FREE char *dir = xasprintf(MOUNTS_DIR "/%s", name);
	AUTO_STRV struct strv files = STRV_INIT;
	int busy = 0;
	int r = dir_list(s->fd, dir, &files, err);
	STRV_FOREACH (file, &files) {
		const char *dot = strrchr(*file, '.');
		if (r < 0)
			break;
		if (!dot || !streq(dot, ".lock"))
			continue;
		AUTO_FREE char *lock = xasprintf("%s/%s", dir, *file),
			       *content = xasprintf("%s/%.*s", dir, (int)(dot - *file), *file);
		AUTO_FD int held = -1;
		r = store_lock(s, lock, LOCK_EXCLUSIVE, false, &held, err);
		if (r == ERR_BUSY) {
			busy = r;
			err_clear(err);
			r = 0;
		} else if (r == 0) {
			r = store_remove(s, content, err);
		}
	}
	if (r == 0 && busy) {
		AUTO_FREE char *id = cache_mount_id(s, name);
		return err_set(err, ERR_BUSY, "a build uses the cache mount '%s'", id);
	}
	return r;
}
