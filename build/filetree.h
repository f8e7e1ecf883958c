/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of files as a source of COPY: the build context (with its ignore rules), or the root of a
 * stage or image. It is read once, lazily, a directory at a time, through descriptors below its
 * root; links are resolved inside it. Content digests are kept in memory and, for contexts, in the
 * store's stat cache.
 */
#pragma once
#include "base/digest.h"
#include "base/strv.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct err;
struct ignore;
struct statcache;
struct strv;
struct xattrs;

struct node {
	const char *name; /* component; "" for the root */
	struct node *parent;
	struct stat st;
	bool listed; /* children were read */
	bool no_xattrs; /* of a directory that is listed: it has no extended attributes */
	bool ignored; /* itself hidden by an ignore rule; kept for what is brought back below it */
	unsigned ignore_line; /* the rule */
	struct node **children; /* sorted bytewise by name */
	size_t n_children;
	char *link; /* symbolic links: the target */
	bool has_digest; /* regular files: of content and extended attributes */
	bool has_xattrs; /* of a file that has a digest */
	struct digest digest;
};

struct filetree;

enum filetree_flags {
	FILETREE_RESET_OWNER = 1 << 0, /* what is found is root's */
	FILETREE_NO_CAPABILITIES = 1 << 1, /* as BuildKit takes the files of a build context */
};

/* rootfd is borrowed and must stay open. ignore and cache may be NULL; both borrowed. */
struct filetree *filetree_new(
	int rootfd, const struct ignore *ignore, struct statcache *cache, int flags);
void filetree_free(struct filetree *t);
int filetree_rootfd(const struct filetree *t);
struct node *filetree_root(struct filetree *t);
/* The attributes of a file of it that a copy has, xattrs_read() otherwise. */
int filetree_xattrs(const struct filetree *t, int fd, struct xattrs *ret, struct err *err)
	__attribute__((warn_unused_result));

/* Children of a directory, read when needed. */
int filetree_list(struct filetree *t, struct node *n, struct err *err)
	__attribute__((warn_unused_result));
/* The path of a node relative to the root, "" for it. New string. */
char *node_path(const struct node *n);
/* The node at path; links on the way followed inside the root, the last component too when follow.
 * NULL in *ret: not there (or hidden). */
int filetree_lookup(struct filetree *t, const char *path, bool follow, struct node **ret,
	struct err *err) __attribute__((warn_unused_result));
/* All nodes that a COPY source word names: itself, or the matches of its pattern (filepath.Match by
 * component; "**"). Hidden ones never. The nodes are those of the words themselves: a link is not
 * followed here. paths[i] is the path under which the match was found. */
struct match {
	struct node *node;
	char *path;
};
int filetree_glob(struct filetree *t, const char *pattern, struct match **ret, size_t *ret_n,
	struct err *err) __attribute__((warn_unused_result));
void matches_free(struct match *m, size_t n);
/* What is copied of a match: what a link leads to. ERR_NOT_FOUND: to nothing in the tree. */
int filetree_follow(struct filetree *t, const struct match *m, struct node **ret, struct err *err)
	__attribute__((warn_unused_result));

/* Does this build or the stat cache know the content of a regular file? Then it has its digest. */
bool filetree_knows(struct filetree *t, struct node *n);
/* Fills in the digests of all regular files at and below the nodes, in parallel, from the stat
 * cache where it knows. */
int filetree_hash(struct filetree *t, struct node *const *nodes, size_t n, struct err *err)
	__attribute__((warn_unused_result));

/* How many files the context has, and whether an ignore rule hides path (and which line): for
 * messages. */
size_t filetree_count(struct filetree *t);
bool filetree_hidden_by(struct filetree *t, const char *path, unsigned *ret_line);
/* Not ignored, or with something below that is not. */
int node_visible(struct filetree *t, struct node *n, bool *ret, struct err *err)
	__attribute__((warn_unused_result));
