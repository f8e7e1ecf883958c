/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory behind a RUN --mount=type=cache: mounts/HEX/N of the store, where HEX is a hash
 * over the id and whatever else tells caches apart, so that no id is ever a path. N is 0 but for
 * private ones that found the others busy. mounts/HEX/N.lock is locked for the time of the step:
 * shared, or exclusively for private and locked ones.
 */
#pragma once
#include "base/digest.h"
#include "build/mounts.h"
#include <stdbool.h>

struct err;
struct step_mount;
struct store;
struct txn;

struct cache_mount {
	char name[DIGEST_STR_MAX]; /* HEX */
	enum mount_sharing sharing;
	int dir; /* mounts/HEX */
	unsigned number; /* N */
	int lock;
	bool locked; /* else cache_mount_wait() */
	bool exists; /* the directory */
};

#define CACHE_MOUNT_INIT                                                                           \
	{                                                                                          \
		.dir = -1, .lock = -1                                                              \
	}
/* The name of the cache of m. from: what fills it at first, NULL nothing. */
void cache_mount_name(const struct step_mount *m, const struct digest *from, char *ret);
/*
 * c->name and c->sharing are set; id: what it is called. Locks it unless it is busy. Several are to
 * be opened in the order of their names; once one was busy the others come with wait_order, so that
 * whoever holds one that another may wait for never waits for an earlier one. fresh: what is in it
 * goes, when nobody uses it.
 */
int cache_mount_open(struct store *s, struct txn *t, struct cache_mount *c, const char *id,
	bool wait_order, bool fresh, struct err *err) __attribute__((warn_unused_result));
/* Blocks until it is locked; in a forked child that holds for the parent. */
int cache_mount_wait(const struct cache_mount *c, struct err *err)
	__attribute__((warn_unused_result));
/*
 * Once it is locked: the directory. made: name of a directory in the transaction that it becomes
 * when there is none yet (somebody else's, made meanwhile, wins). *ret_fd: O_PATH.
 */
int cache_mount_get(struct txn *t, const struct cache_mount *c, const char *made, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));
void cache_mount_done(struct cache_mount *c);
/* After that: a limit of its id is kept (store/cache_limits.h). *ret_line: NULL, or what to tell
 * the user, a new string. */
void cache_mount_limit(struct store *s, const struct cache_mount *c, char **ret_line);
