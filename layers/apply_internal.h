/* SPDX-License-Identifier: Apache-2.0 */
/* What unpacking, ADD and verifying share. apply.c goes through an archive, apply_make.c makes what
 * an entry says. */
#pragma once
#include "layers/apply.h"

#include <limits.h>
#include <time.h>

struct tar_entry;
struct tar_reader;

/* A directory's time, set when nothing is created in it any more. */
struct dir_time {
	int64_t sec;
	uint32_t ns;
	char path[];
};

struct apply {
	int root;
	const struct apply_opts *opts;
	struct tar_reader *tar;
	uid_t uid; /* owner of what this process creates */
	gid_t gid;
	/* the directory of the entry before this one: archives are mostly in order */
	int parent;
	char parent_path[PATH_MAX];
	bool parent_shapes; /* setgid or a default ACL: what is created there gets other owners or
	                       modes */
	bool parent_known;
	struct dir_time **times;
	size_t n_times, cap_times;
	uint64_t entries, content, written;
};

/* The entry at hand: where it goes and what it gets. */
struct place {
	const char *path; /* clean, relative; for messages */
	const char *name; /* last component */
	int dir;
	bool shaped;
	uid_t uid;
	gid_t gid;
	bool chown;
	struct timespec times[2];
};

/* The name of an entry as a clean relative path, "" for the root. layer: ".." is refused, else it
 * stays inside. ERR_INVALID, ERR_LIMIT. */
int apply_clean(const char *raw, bool layer, char out[PATH_MAX], struct err *err)
	__attribute__((warn_unused_result));
/* One of aufs' own files, or below one: never unpacked. */
bool apply_is_meta(const char *path);
/* All entries of an open archive. The bytes after its end are the caller's to drain. */
int apply_archive(struct tar_reader *tar, int dirfd, const struct apply_opts *opts,
	struct apply_stats *ret, struct err *err) __attribute__((warn_unused_result));

/* Whether ".." in a name is an error. */
static inline bool apply_is_strict(const struct apply_opts *o)
{
	return !(o->flags & APPLY_PLAIN) || (o->flags & APPLY_CONTEXT);
}

/* apply_make.c: what an entry makes. Its parent directory is open. */

int apply_make(struct apply *a, const struct tar_entry *e, struct place *p, struct err *err)
	__attribute__((warn_unused_result));
int apply_make_root(struct apply *a, const struct tar_entry *e, struct place *p, struct err *err)
	__attribute__((warn_unused_result));
/* 1: the entry was a whiteout and is done with; 0: it is an ordinary one. */
int apply_whiteout(struct apply *a, struct place *p, struct err *err)
	__attribute__((warn_unused_result));
/* apply_content.c: the content of e goes to fd, a new file. path: for messages. */
int apply_content(struct apply *a, int fd, const struct tar_entry *e, const char *path,
	struct err *err) __attribute__((warn_unused_result));
