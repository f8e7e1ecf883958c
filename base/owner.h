/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns a file of an image. In a user namespace that knows nobody but ourselves (IDMAP_ONE) the
 * file system cannot say it: there every file is ours, and what is to be said is kept in extended
 * attributes beside it. Everywhere else these are fstat(2) and fchown(2).
 *
 * Of files and directories, "UID:GID" in the attribute `user.mica.owner`; none: 0:0, and so each of
 * them that is 4294967295, which nobody has said anything of. Links, devices
 * and fifos cannot have such attributes, but they have a time of access that nobody needs: UID
 * seconds after the year 2100 and GID nanoseconds (a time to come is not changed by reading). It is
 * copied with the file, and a new file of the same name has none. Neither ever travels.
 */
#pragma once
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#define OWNER_ATTRIBUTES "user.mica."

/* Found out once: to be asked before /proc is out of reach. */
bool owner_is_kept(void);

/* As fchown(2), and as fchownat(2) without following a link; -1 leaves one as it is. */
int owner_set(int fd, uid_t uid, gid_t gid) __attribute__((warn_unused_result));
int owner_set_at(int dirfd, const char *name, uid_t uid, gid_t gid)
	__attribute__((warn_unused_result));
/* As fstat(2) and fstatat(2), not following. fd may be an O_PATH one. */
int owner_stat(int fd, struct stat *ret) __attribute__((warn_unused_result));
int owner_stat_at(int dirfd, const char *name, struct stat *ret)
	__attribute__((warn_unused_result));
/* st is what fstatat(2) said of this: puts its owner in. */
void owner_fill_at(int dirfd, const char *name, struct stat *st);
/* Has it been said whose it is? fd: of a file or directory, not an O_PATH one. */
bool owner_is_said(int fd);
/* The same of what stat(2) said `st` of, where owners are kept, and puts in whose it is. Nothing is
 * opened. */
bool owner_said(const char *path, struct stat *st);
/* The same as owner_set(), and says so of root's too, and of what is left as it is nothing: for
 * owner_complete(). */
int owner_say(int fd, uid_t uid, gid_t gid) __attribute__((warn_unused_result));
int owner_say_at(int dirfd, const char *name, uid_t uid, gid_t gid)
	__attribute__((warn_unused_result));
/* What nobody has said of this becomes this. fd: as above; _at: of the others. */
int owner_complete(int fd, uid_t uid, gid_t gid) __attribute__((warn_unused_result));
int owner_complete_at(int dirfd, const char *name, uid_t uid, gid_t gid)
	__attribute__((warn_unused_result));
