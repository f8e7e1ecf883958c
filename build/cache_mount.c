/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache_mount.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/cache.h"
#include "build/steps.h"
#include "store/cache_limits.h"
#include "store/cache_mounts.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTANCES_MAX 256 /* of a private cache, at the same time */

void cache_mount_name(const struct step_mount *m, const struct digest *from, char *ret)
{
	struct key k;
	const struct mount_opts *o = &m->o;
	key_init(&k, "cache mount");
	key_str(&k, m->id);
	key_u64(&k, from != NULL);
	if (from) {
		key_digest(&k, from);
		key_str(&k, m->source);
	}
	/* as BuildKit has it: a cache with an owner or a mode is not the one without; a part of a
	 * cache or of what is in it at first is as it is */
	bool shaped = !*m->source;
	key_u64(&k, shaped && o->has_mode ? 1 + (uint64_t)o->mode : 0);
	key_u64(&k, shaped && o->has_uid ? 1 + (uint64_t)o->uid : 0);
	key_u64(&k, shaped && o->has_gid ? 1 + (uint64_t)o->gid : 0);
	struct digest d = key_final(&k);
	(void)digest_hex(&d, ret);
}

static int mkdir_open(int dirfd, const char *name, struct err *err)
{
	if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make the cache mount directory");
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "cannot open the cache mount directory") : fd;
}

/* 0, 1: somebody else holds it, or ERR_SYS */
static int try_lock(int fd, int op, struct err *err)
{
	int r;
	do {
		r = flock(fd, op);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return 0;
	return errno == EWOULDBLOCK ? 1 : err_sys(err, "cannot lock a cache mount");
}

static int lock_op(const struct cache_mount *c)
{
	return c->sharing == MOUNT_SHARED ? LOCK_SH : LOCK_EX;
}

/* 0, 1: busy, or not tried */
static int open_instance(struct cache_mount *c, unsigned number, bool try, struct err *err)
{
	char name[24];
	snprintf(name, sizeof(name), "%u.lock", number);
	mem_close_p(&c->lock);
	c->lock = fs_open_plain(c->dir, name, O_RDWR | O_CREAT, 0600);
	if (c->lock < 0)
		return err_sys(err, "cannot open the lock of a cache mount");
	c->number = number;
	if (!try)
		return 1;
	int r = try_lock(c->lock, lock_op(c) | LOCK_NB, err);
	c->locked = r == 0;
	return r;
}

/* Moves what is there out of the way, if we are alone. */
static int start_afresh(struct txn *t, const struct cache_mount *c, struct err *err)
{
	char data[16];
	AUTO_FREE char *name = NULL;
	AUTO_FD int old = -1;
	snprintf(data, sizeof(data), "%u", c->number);
	int r = try_lock(c->lock, LOCK_EX | LOCK_NB, err);
	if (r != 0) /* a failed conversion may have lost the shared lock too */
		return r < 0 || try_lock(c->lock, LOCK_SH, err) < 0 ? err->code : 0;
	if (txn_mkdir(t, "old", &name, &old, err) < 0)
		return err->code;
	if (renameat(c->dir, data, old, "cache") < 0 && errno != ENOENT)
		return err_sys(err, "cannot empty a cache mount");
	return try_lock(c->lock, lock_op(c), err);
}

int cache_mount_open(struct store *s, struct txn *t, struct cache_mount *c, const char *id,
	bool wait_order, bool fresh, struct err *err)
{
	AUTO_FD int mounts = mkdir_open(store_fd(s), "mounts", err);
	if (mounts < 0 || (c->dir = mkdir_open(mounts, c->name, err)) < 0)
		return err->code;
	cache_mount_note(c->dir, id);
	bool private = c->sharing == MOUNT_PRIVATE;
	int r = 1;
	/* only instance 0 is ever waited for */
	for (unsigned i = private && wait_order; r == 1 && i < (private ? INSTANCES_MAX : 1); i++)
		r = open_instance(c, i, private || !wait_order, err);
	if (r < 0)
		return r;
	if (r == 1 && private)
		return err_set(
			err, ERR_BUSY, "%d instances of a cache mount are busy", INSTANCES_MAX);
	if (fresh && c->locked && start_afresh(t, c, err) < 0)
		return err->code;
	char data[16];
	snprintf(data, sizeof(data), "%u", c->number);
	c->exists = faccessat(c->dir, data, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return 0;
}

int cache_mount_wait(const struct cache_mount *c, struct err *err)
{
	return try_lock(c->lock, lock_op(c), err);
}

int cache_mount_get(
	struct txn *t, const struct cache_mount *c, const char *made, int *ret_fd, struct err *err)
{
	char data[16];
	snprintf(data, sizeof(data), "%u", c->number);
	if (made && fs_rename_new(txn_fd(t), made, c->dir, data) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make a cache mount");
	*ret_fd = openat(c->dir, data, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(err, "cannot open a cache mount") : 0;
}

void cache_mount_done(struct cache_mount *c)
{
	/* a job that was forked meanwhile may still have the descriptor */
	if (c->lock >= 0)
		(void)flock(c->lock, LOCK_UN);
	mem_close_p(&c->lock);
	mem_close_p(&c->dir);
	c->lock = c->dir = -1;
}

void cache_mount_limit(struct store *s, const struct cache_mount *c, char **ret_line)
{
	struct err err = ERR_INIT;
	uint64_t took = 0;
	*ret_line = NULL;
	if (cache_limit_apply(s, c->name, &took, &err) < 0)
		log_debug("%s", err.msg);
	if (!took)
		return;
	AUTO_FREE char *id = cache_mount_id(s, c->name);
	*ret_line = xasprintf("the cache mount '%s' took %llu bytes, its limit is %llu: emptied",
		id, (unsigned long long)took, (unsigned long long)cache_limit_of(s, id));
}
