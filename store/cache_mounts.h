/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories of RUN --mount=type=cache, mounts/HEX: HEX stands for the mount's id, owner, mode
 * and where it is filled from. In it N is the content of instance N (0, and more where a cache is
 * private), N.lock its lock, which whoever uses it holds, and `id` the mount's id for people.
 */
#pragma once
#include "base/strv.h"
#include <stdbool.h>

struct err;
struct store;

#define CACHE_MOUNT_ID_MAX 4096

/* Notes what mounts/name (opened at dir) is called, and that it is used now. */
void cache_mount_note(int dir, const char *id);
/* The id of mounts/name; its name when none was noted, or what is noted is none. New string. */
char *cache_mount_id(struct store *s, const char *name);
bool cache_mount_has_id(struct store *s, const char *name);
/* Adds the names (HEX) of all. */
int cache_mount_list(struct store *s, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Adds the names (HEX) of the mounts that `text` means: an id, which may be that of several, or at
 * least 3 of the first digits of one. ERR_NOT_FOUND. */
int cache_mount_find(struct store *s, const char *text, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Instance 0 of mounts/name, which is made if there is none, locked so that no step uses it
 * meanwhile. *ret_dir: mounts/name. ERR_BUSY: a step uses it. */
int cache_mount_lock(struct store *s, const char *name, const char *id, int *ret_dir, int *ret_lock,
	struct err *err) __attribute__((warn_unused_result));
/* Its content goes, and where nobody else uses the store all of it; else its locks stay, as
 * somebody may be about to take one. Not within a transaction. ERR_BUSY: as below. */
int cache_mount_remove(struct store *s, const char *name, struct err *err)
	__attribute__((warn_unused_result));
/* Its content goes, of all instances. ERR_BUSY when a step uses one: that one stays. */
int cache_mount_empty(struct store *s, const char *name, struct err *err)
	__attribute__((warn_unused_result));
