/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of copy share. */
#pragma once
#include "base/mem.h"
#include "base/strv.h"
#include "build/chmod.h"
#include "build/copy.h"

struct selection;

#define COPY_BUF (128 * KIB) /* files up to this are read and written in one piece */

struct link_entry {
	dev_t dev;
	ino_t ino;
	char *path; /* where it was copied to, below the root; NULL: free */
};

struct copier {
	const struct copy_work *w;
	struct filetree *source; /* of the source at hand */
	unsigned as_file; /* how many sources have become the file that the destination is */
	bool has_owner;
	uid_t uid;
	gid_t gid;
	bool has_mode;
	struct chmod mode;
	char *buf;
	struct link_entry *links; /* open addressing; of files with several names, copied */
	size_t n_links, cap_links;
	struct strv *implied; /* of a layer of its own (--link): directories that no source gave */
	struct timespec began, latest; /* of it: by the file system's clock; of its sources */
};

/* What the flags of the step say; no source yet, and no buffer. */
int copier_init(struct copier *c, const struct copy_work *w, struct err *err)
	__attribute__((warn_unused_result));
/* The IDs of an owner as --chown says it; notes those that the image does not know. */
int copy_owner(const struct copy_work *w, const char *spec, uid_t *ret_uid, gid_t *ret_gid,
	struct err *err) __attribute__((warn_unused_result));
/* Of a directory that a copy implies. */
mode_t copy_dir_mode(const struct copier *c);
/* Directories that a copy implies: 0755, or the permissions that --chmod says in octal, and
 * --chown's. */
int copy_make_dirs(const struct copier *c, const char *path, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* Those that have the time of this copy get that of the newest source: the same files are the same
 * layer again. */
int copy_date_implied(const struct copier *c, struct err *err) __attribute__((warn_unused_result));
/* The directory that a copy of a thing called `base` to `dest` goes into (made), and its name
 * there. */
int copy_place(struct copier *c, const char *dest, const char *base, int *ret_dir, char **ret_path,
	char **ret_name, struct err *err) __attribute__((warn_unused_result));

/* Bytes of the files that are copied, at least; what archives hold is not known. */
uint64_t copy_size(const struct copy_work *w);

/* Files with several names are linked among themselves only within one copy. */
void copy_links_forget(struct copier *c);
mode_t copy_mode(const struct copier *c, const struct stat *st);
struct timespec copy_time(const struct copier *c, const struct stat *st);
/* Owner, mode, attributes (of from_fd, unless it is -1) and times onto what is open as to_fd. */
int copy_metadata(const struct copier *c, int from_fd, int to_fd, const struct stat *st,
	struct err *err) __attribute__((warn_unused_result));
/* Is it the file that was listed and hashed? */
bool copy_unchanged(const struct stat *a, const struct stat *b);
int copy_changed_error(const struct node *n, struct err *err);
/* A new regular file in place of whatever is there, if it is not a directory. */
int copy_create(int dir, const char *name, mode_t mode, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* Anything but a directory: from_dir/n->name to to_dir/name, which is to_path/name below the root.
 */
int copy_leaf(struct copier *c, const struct node *n, int from_dir, int to_dir, const char *to_path,
	const char *name, struct err *err) __attribute__((warn_unused_result));
/* What sel takes of the directory n, open as from, into to, which is to_path below the root. Both
 * descriptors are borrowed. *ret_n: how many things. */
int copy_tree(struct copier *c, const struct selection *sel, struct node *n, int from, int to,
	const char *to_path, size_t *ret_n, struct err *err) __attribute__((warn_unused_result));
