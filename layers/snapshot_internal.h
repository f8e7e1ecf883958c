/* SPDX-License-Identifier: Apache-2.0 */
/* The three ways to make a snapshot, and for the tests: the ways of older kernels on a newer one.
 */
#pragma once
#include "layers/merged.h"
#include "layers/snapshot.h"
#include <time.h>

/* One directory as it is, detached. */
int snapshot_clone(int dir, bool readonly, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));

/* s->lower: at least one, all different; none but the last has an opaque root. */
int snapshot_overlay_mount(const struct snapshot *s, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
const char *snapshot_overlay_method(void);
const char *snapshot_fs_name(int fd); /* "ext4" */
int snapshot_send_fd(int sock, int fd, struct err *err) __attribute__((warn_unused_result));
int snapshot_receive_fd(int sock, int *ret_fd, struct err *err) __attribute__((warn_unused_result));
/* The same with s->ids. */
int snapshot_ids_mount(const struct snapshot *s, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));

/*
 * fuse-overlayfs (1.10) takes the names of one file for one another: what is done to one of them
 * is done to another, and not to all. Is there such a file in a layer? A writable
 * snapshot of these is a copy. Where it cannot be read, there is one.
 */
bool snapshot_fuse_mixes_up(const struct snapshot *s);
int snapshot_fuse_mount(const struct snapshot *s, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* Waits until the program that served the snapshot with this work directory has ended. *ret_used:
 * false if there was none. */
int snapshot_fuse_wait(int work, bool *ret_used, struct err *err)
	__attribute__((warn_unused_result));

int snapshot_copy_mount(const struct snapshot *s, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* What differs in the copy from the layers below is copied to upper. */
int snapshot_copy_settle(const struct snapshot *snap, const struct merged *below,
	struct timespec begun, struct err *err) __attribute__((warn_unused_result));

enum snapshot_way {
	SNAPSHOT_PROBE, /* not known yet */
	SNAPSHOT_BY_FD, /* fsconfig "lowerdir+" with descriptors, Linux 6.13 */
	SNAPSHOT_BY_PATH, /* fsconfig "lowerdir+" with paths, 6.5 */
	SNAPSHOT_MOUNT, /* mount(2) */
};
void snapshot_force(enum snapshot_way way);
