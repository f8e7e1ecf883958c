/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was in a file when it looked like this: (device, inode, size, mtime, ctime) -> digest, kept
 * in cache/stat for each build context, so that a rebuild costs one stat a file.
 *
 *	statcache_open; for each file: fstat, statcache_get, else hash and statcache_put;
 *	statcache_save, statcache_free
 *
 * The table is mapped, not read: opening costs the same for 20 files and 200,000. A file that is
 * damaged or of another version counts as empty.
 *
 * When an entry may be believed. A write that comes after our stat changes the ctime, unless it
 * falls into the same tick of the file system's clock (up to 10 ms; a second or two where it keeps
 * no fractions). So an entry is stored only if its mtime and ctime lie at least 100 ms (2 s without
 * fractions) before the moment the cache was opened: all stats and reads of this run come later
 * than that, thus any write that they miss gets a newer ctime. The rest is hashed again by the next
 * run. The stat given to put must have been taken before the file was read.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>

struct err;
struct stat;
struct statcache;
struct store;

/* context_path: any name of the directory. ERR_SYS: it cannot be resolved. */
int statcache_open(struct store *s, const char *context_path, struct statcache **ret,
	struct err *err) __attribute__((warn_unused_result));
/* mark: whatever the caller wants to know of the file besides */
bool statcache_get(struct statcache *sc, const struct stat *st, struct digest *ret, bool *ret_mark);
void statcache_put(struct statcache *sc, const struct stat *st, const struct digest *d, bool mark);
/* Writes it if something changed. Two processes at once: the last one wins. Nobody tells which
 * files are gone: entries that were not looked up stay until they are many (262,144) and the most
 * by far (four of five); then they go. */
int statcache_save(struct statcache *sc, struct err *err) __attribute__((warn_unused_result));
void statcache_free(struct statcache *sc); /* accepts NULL */
static inline void statcache_free_p(struct statcache **sc)
{
	statcache_free(*sc);
}
#define AUTO_STATCACHE __attribute__((cleanup(statcache_free_p)))
