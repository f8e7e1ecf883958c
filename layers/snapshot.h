/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack of layers made visible as one tree: by the kernel's overlay, by the program
 * fuse-overlayfs, or as a copy, whichever works first or as snapshot_use() says. What a step leaves
 * in the upper directory has one form after snapshot_settle() (settle.h), whatever the way.
 * The mount is detached (fsmount/open_tree): nobody sees it until its owner attaches it with
 * move_mount(2) in a mount namespace of its own, and it is gone when the last descriptor and
 * namespace are. The caller has CAP_SYS_ADMIN in the user namespace that owns its mount namespace.
 *
 * Kernel overlay: lowerdir+ by descriptor (6.13), lowerdir+ by path (6.5), else mount(2) with short
 * relative paths from /proc/self/fd, so that at least 500 layers fit. `userxattr` where the kernel
 * (5.11) and the file system have it, `volatile` for writable ones (5.10); redirect_dir, index and
 * metacopy off, so that the upper directory is exactly the changeset of layer.md. One lower and no
 * upper is a plain clone of that directory, without overlay.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct idmap_view;

struct snapshot {
	const int *lower; /* directory descriptors, topmost layer first; may be empty when upper is
	                     given */
	size_t n_lower;
	int upper; /* directory descriptor, or -1: read-only */
	int work; /* empty directory on the same file system as upper; -1: none, which a copy of
	             several layers needs even when nobody writes */
	bool foreign; /* the directories are the user's and not of a store: they keep their labels
	                 (label.h) */
	bool keep; /* upper and work are to be mounted again after this; a copy that is settled is
	              left as it is, for it is mounted, or its only witness */
	const int *below; /* NULL, or a directory that lies below all layers, of nobody's: mount
	                     points that images lack. Where owners are shown as they are numbered
	                     elsewhere, by fuse-overlayfs and in a copy it is left out. */
	const int
		*mounted; /* NULL, or it is mounted already, and this is a detached mount of it that
	                       nobody has attached yet */
	const struct idmap_view *ids; /* NULL, or owners are shown as they are numbered there:
	                                 snapshot_ids.c */
};

/* Shows the owners of a detached mount, which has been shown to nobody yet, as ids says.
 * ERR_UNSUPPORTED: not of this file system, or not by this kernel. */
int snapshot_show_ids(int mnt, const struct idmap_view *ids, struct err *err)
	__attribute__((warn_unused_result));
/* *ret_fd: descriptor of the detached mount's root (O_PATH|O_CLOEXEC). With no lowers at all the
 * upper directory itself is cloned. */
int snapshot_mount(const struct snapshot *s, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));

/* Nobody changes anything by root any more, which is what was mounted with that upper directory:
 * not even who was handed a descriptor of it. To be called when all processes that used it have
 * ended. Overlay alone, where no filter forbids it: snapshot_settle() waits for fuse-overlayfs, and
 * copies of a copy what has changed. ERR_BUSY: somebody else has a file of it open, and writes. */
int snapshot_seal(int root, int upper, struct err *err) __attribute__((warn_unused_result));

/* Is, or was, the snapshot with this work directory a copy? Then its upper directory has nothing of
 * what was done in it before snapshot_settle(). */
bool snapshot_copy_used(int work);
/* It is none any more: before it is removed, for what is gone of a copy the step has removed. */
int snapshot_copy_forget(int work, struct err *err) __attribute__((warn_unused_result));

/* The mount of the snapshot with this work directory was in a mount namespace that is gone, or of
 * which nobody is left: a program that serves it would live for ever, and is ended. */
void snapshot_abandon(int work);

/* Is this the upper directory of a mount of the kernel's overlay, in whatever namespace? That it is
 * none cannot always be told. */
bool snapshot_is_mounted(int upper);

/* All who used the snapshot with this work directory have ended. Was the program that served it, if
 * this process had one, killed before that? Then they saw errors, and what they wrote is not all
 * there. ERR_SYS: it was. */
int snapshot_outlived(int work, struct err *err) __attribute__((warn_unused_result));

/* Who has closed the mounts that this process has made waits for the programs that served them, for
 * not every init does. Who has not leaves them behind, and that is all. */
void snapshot_end(void);

enum snapshot_driver { SNAPSHOT_AUTO, SNAPSHOT_OVERLAY, SNAPSHOT_FUSE, SNAPSHOT_COPY };
/* "auto", "overlay", "fuse-overlayfs", "copy" (or "vfs") */
bool snapshot_driver_parse(const char *name, enum snapshot_driver *ret);
/* from: who says so, "STORAGE_DRIVER" */
void snapshot_use(enum snapshot_driver driver, const char *from);
/* Is it said, and not found out? */
bool snapshot_is_said(void);
/* After a snapshot_mount(): is the store on overlayfs, where nothing but copies works? */
bool snapshot_is_stacked(void);

/* For `mica info`: the driver's name, and more of it: "overlay (lowerdir+ by descriptor, userxattr,
 * volatile)". Static strings. */
const char *snapshot_driver(void);
const char *snapshot_method(void);
/* After a snapshot_mount(): why it was not the kernel's overlay, or who said which one it is, or ""
 */
const char *snapshot_reason(void);
