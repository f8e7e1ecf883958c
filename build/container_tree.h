/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a working container, for one use of it. */
#pragma once
#include "layers/snapshot.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct container;
struct err;
struct store;
struct txn;

struct container_tree {
	struct snapshot snap; /* to be mounted; borrowed from the rest */
	int *lowers;
	size_t n_lowers;
	int upper, work;
	int merged; /* the mount that is there already, or -1 */
	bool beside; /* others have it mounted, and settle it when they end */
	bool lasting; /* what was done in it is the container's whoever settles it */
	struct timespec begun;
};

/* c is locked. Layers that are only blobs are unpacked, and what was done in a mount that is gone
 * is the container's. If others run something in it, it is their mount. Of a transaction that only
 * reads (txn_read()) a snapshot that nobody can write to. ERR_BUSY: it is mounted where we cannot
 * see it. */
int container_tree_open(struct store *s, struct txn *t, const struct container *c,
	struct container_tree *ret, struct err *err) __attribute__((warn_unused_result));
/* The same to run something in it that others may come to: what they have all done is the
 * container's when the last of them has ended, or was killed, by container_tree_end() or the next
 * use. */
int container_tree_share(struct store *s, struct txn *t, const struct container *c,
	struct container_tree *ret, struct err *err) __attribute__((warn_unused_result));
/* By the last of them, or by who was alone: settles it, and gives what they made since `begun` to
 * uid and gid (layers/adopt.h). */
int container_tree_end(const struct container *c, const struct container_tree *tree, uid_t uid,
	gid_t gid, struct timespec begun, struct err *err) __attribute__((warn_unused_result));
/* Afterwards, when nobody uses the snapshot any more: the upper directory is the changeset. One
 * that stays mounted is left alone. */
int container_tree_settle(const struct container_tree *tree, struct err *err)
	__attribute__((warn_unused_result));
/* Of one that is mounted: the upper directory has what was done in it until now. A copy stays one,
 * overlay writes there anyhow. */
int container_tree_catch_up(struct store *s, const struct container *c, struct container_tree *tree,
	struct err *err) __attribute__((warn_unused_result));
/* Others have the files mounted, or somebody who uses `mount`: is the upper directory what they
 * have done all the same, at any time? So it is with the kernel's overlay. */
bool container_tree_is_overlay(const struct container *c);
void container_tree_close(struct container_tree *tree);
#define AUTO_CONTAINER_TREE __attribute__((cleanup(container_tree_close)))

/* links/NUMBER of a container, which is locked. make: empty, whatever was there. */
int container_link_open(const struct container *c, size_t number, bool make, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));
int container_link_remove(const struct container *c, size_t number, struct err *err)
	__attribute__((warn_unused_result));

/* At containers/ID/merged, in the mount namespace of the caller, and noted in c, which is saved.
 * Nothing when it is mounted already. */
int container_mount(struct store *s, struct txn *t, struct container *c, struct err *err)
	__attribute__((warn_unused_result));
/* t NULL: the container goes, and what was done in it. ERR_NOT_FOUND: it is not mounted */
int container_umount(struct store *s, struct txn *t, struct container *c, struct err *err)
	__attribute__((warn_unused_result));
/* One that is mounted by fuse-overlayfs is umounted, which leaves its changes in the form of a
 * changeset, and mounted again. ERR_SYS: somebody is in there. */
int container_mount_settle(struct store *s, struct txn *t, struct container *c, struct err *err)
	__attribute__((warn_unused_result));
/* Where container_mount() puts it. New string. */
char *container_mount_path(const struct store *s, const struct container *c);
