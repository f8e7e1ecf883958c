/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: an OCI image layout (image-spec image-layout.md) with unpacked layers and cache
 * records beside it.
 *
 *	oci-layout, index.json, blobs/sha256/HEX
 *	layers/HEX    unpacked layer by diff ID: an overlay lower directory, read-only once named
 *	cache/        step records (records.h), notes about them (notes.h),
 *	              stat caches (statcache.h)
 *	mounts/       RUN --mount=type=cache directories
 *	containers/   working containers; containers/ID/uses is a root of the sweep (gc.h)
 *	tmp/ID/       transactions; the directory is locked (flock) while its owner lives
 *	lock          exclusive while index.json changes
 *	gc.lock       shared by users of unnamed things, exclusive for a sweep
 *	gc.wanted     a sweep was deferred, or somebody died: the last transaction that ends sweeps
 *	synced        content: the boot in which the store was last found sound;
 *	              mtime: all that is older is on disk
 *	version       "1\n"
 *	limits.json   what cache mounts may take (cache_limits.h)
 *	origins       where blobs were seen (origins.h)
 *	found/        what fsck --repair found that was not the store's (found.h)
 *	ballast       room that is given up on a full disk, so that names can be removed
 *
 * Everything is 0700 down to the top. A blob, layer, record or name appears by one rename after
 * its content was verified. Before a name appears, the file system is synced (syncfs), so that a
 * named image survives a power cut; what is not named need not. A working container is there from
 * the rename of its directory on, whose description is on disk then.
 *
 * Power cut. Blobs, trees and records are not synced one by one, so a crash of the machine can
 * leave those written since the last syncfs empty or torn under their final names. Every syncfs,
 * which covers the writes of all processes, sets the mtime of `synced` to the time just before it.
 * The first writer that finds another boot ID in `synced` than the kernel's distrusts everything
 * whose ctime is not older than that mtime (less two seconds for coarse clocks):
 *	- records, stat caches and trees are removed; a tree is unpacked again from its blob;
 *	- blobs that no name reaches are removed, those that one reaches kept if their digest holds.
 * Then it syncs and notes the new boot ID. In the same boot all this is two short reads. A clock
 * that was set back by more than two seconds between a sync and a crash defeats it; `fsck` finds
 * what then remains.
 *
 * Order of locks: gc.lock, then a transaction's, then lists.lock, then lock. None is held across
 * the network.
 *
 * A forked child shares its parent's transactions: it may write below them, but must leave by
 * _exit and never end them or close the store.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct err;
struct store;

enum store_open_flags {
	STORE_READ_ONLY = 1 << 0, /* never creates it: ERR_NOT_FOUND when missing */
	STORE_DAMAGED = 1 << 1 /* its `version` may be damaged: for fsck, which looks at it */
};

/* path NULL: $MICA_ROOT, else /var/lib/mica as root, else $XDG_DATA_HOME/mica
 * (~/.local/share/mica). Creates it (0700) unless read-only. A store of an unknown version is
 * ERR_UNSUPPORTED with one line; one whose version is none, ERR_CORRUPT. */
int store_open(const char *path, int flags, struct store **ret, struct err *err)
	__attribute__((warn_unused_result));
/* Where path NULL leads, now. To be asked before userns_enter(): in there everybody is root. *ret:
 * new string. */
int store_default_path(char **ret, struct err *err) __attribute__((warn_unused_result));
void store_close(struct store *s);
static inline void store_close_p(struct store **s)
{
	store_close(*s);
}
#define AUTO_STORE __attribute__((cleanup(store_close_p)))
int store_fd(const struct store *s); /* directory descriptor of the root */
const char *store_path(const struct store *s); /* absolute */

/*
 * A transaction: a private directory below tmp/ for what is not named yet, and a share of gc.lock,
 * so that nothing it uses or makes is collected while it lives. Beginning one first sweeps the
 * transactions whose owners died (their directories, the cgroups they noted, and what still runs in
 * a root of theirs).
 */
struct txn;
int txn_begin(struct store *s, struct txn **ret, struct err *err)
	__attribute__((warn_unused_result));
/* The same for who only reads, without a directory: the share of gc.lock alone, and where the store
 * cannot be written to (a medium, or another user's) and has no lock that can be opened, not even
 * that: it is its owner's business then that nothing goes. */
int txn_read(struct store *s, struct txn **ret, struct err *err)
	__attribute__((warn_unused_result));
/* The error is that of a store which cannot be written to. */
bool store_is_closed(const struct err *err);
int txn_fd(const struct txn *t); /* directory descriptor of tmp/ID; -1 after txn_read() */
const char *txn_id(const struct txn *t); /* unique, [0-9a-f]{16} */
/* A fresh empty directory tmp/ID/<prefix><n>, 0755; its name relative to txn_fd in *ret_name
 * (caller frees), opened in *ret_fd. */
int txn_mkdir(struct txn *t, const char *prefix, char **ret_name, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* Notes the path of a cgroup directory, to be removed by the sweep should we die. */
int txn_note_cgroup(struct txn *t, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* Something that was started in it may be running on: it is killed at the end. */
void txn_left_running(struct txn *t);
/* The user waits for the end: what takes long to be removed is left to the next transaction. */
void txn_hurry(struct txn *t);
/* Removes all that was not published and ends it. Accepts NULL. */
void txn_end(struct txn *t);
static inline void txn_end_p(struct txn **t)
{
	txn_end(*t);
}
#define AUTO_TXN __attribute__((cleanup(txn_end_p)))
/* Is there something left of transactions whose owners died? One readdir when there is none. False
 * where we may not write. */
bool store_has_leftovers(const struct store *s);
/* Removes it, as the next transaction would. What cannot be removed is left to the next one. */
void store_clear_leftovers(struct store *s);
/* Makes all that was written so far durable (syncfs); called before a name is set. */
int store_sync(struct store *s, struct err *err) __attribute__((warn_unused_result));
