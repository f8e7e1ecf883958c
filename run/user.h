/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and groups by the image's own /etc/passwd and /etc/group, read as data (at most 10 MiB,
 * regular files only, inside the root): nothing of the image is executed or loaded.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[256]; /* supplementary, gid first (CVE-2022-36109) */
	size_t n_groups;
	char home[512]; /* "/" when unknown */
	char name[256]; /* "" when unknown */
};

/* What the text of a USER alone tells: one ':' at most, numbers in range. ERR_INVALID. */
int user_check(const char *spec, struct err *err) __attribute__((warn_unused_result));
/* spec as for USER: "", "name", "uid", "name:group", "uid:gid" ... A numeric part is a number and
 * nothing else, 0..2^32-2. ERR_NOT_FOUND names the file looked into; ERR_INVALID. */
int user_resolve(int rootfd, const char *spec, struct user *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Adds groups by name or number. ERR_NOT_FOUND; ERR_LIMIT: more than there is room for. */
struct strv;
int user_add_groups(int rootfd, const struct strv *names, struct user *u, struct err *err)
	__attribute__((warn_unused_result));
/*
 * As for COPY --chown: "user" or "user:group"; without a group the gid is the uid when numeric,
 * the user's primary group when a name; an empty part is 0. As in BuildKit, a user that the image
 * does not know is root, and so is a number above 2^31-1, and a group that it does not know is
 * the user's: *ret_unknown (may be NULL) is then a new string that says so, else NULL.
 */
int user_resolve_chown(int rootfd, const char *spec, uid_t *ret_uid, gid_t *ret_gid,
	char **ret_unknown, struct err *err) __attribute__((warn_unused_result));
