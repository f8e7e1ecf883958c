/* SPDX-License-Identifier: Apache-2.0 */
/* What an archive says of each path: a table keyed by clean relative path ("" is the root). */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct node {
	struct node *next; /* of the table */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t mtime;
	uint32_t mtime_ns;
	uint64_t size;
	uint64_t group; /* the same number for all names of one file */
	dev_t rdev;
	struct digest xattrs;
	char *link; /* owned; of symbolic links */
	bool whiteout;
	bool opaque;
	bool implied; /* a parent that no entry describes */
	bool bad_content;
	bool seen;
	char path[];
};

struct nodes;
struct nodes *nodes_new(void);
void nodes_free(struct nodes *t);
struct node *nodes_find(struct nodes *t, const char *path); /* or NULL */
struct node *nodes_put(
	struct nodes *t, const char *path); /* the one that is there, or a new empty one */
void nodes_drop_below(
	struct nodes *t, const char *path); /* all that lies below the directory, not itself */
void nodes_each(
	struct nodes *t, void (*fn)(void *arg, struct node *n), void *arg); /* in bytewise order */
/* Forgets all but the path / takes all but the path from another one. */
void node_reset(struct node *n);
void node_copy(struct node *n, const struct node *from);

/* "a/b" -> "a", "a" -> "", "" -> NULL. New string. */
char *nodes_parent(const char *path);
