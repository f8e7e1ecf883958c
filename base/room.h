/* SPDX-License-Identifier: Apache-2.0 */
/* Errors for want of room (ENOSPC, EDQUOT): how much there is, for whoever is to make some. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct err;

#define ROOM_ANY UINT64_MAX /* of a file system that has no size, or does not say it */

struct room {
	uint64_t bytes, inodes; /* that are free; ROOM_ANY */
	uint64_t block; /* bytes that a file grows by at least */
};
/* Of the file system that fd is open on. 0 or -1 with errno. */
int room_of(int fd, struct room *ret);
/* "bytes" or "inodes" if there are so few that a program may have failed for it, and how many; else
 * NULL. */
const char *room_lack(const struct room *room, unsigned long long *ret_free);

bool room_is_short(const struct err *err);
/* If err is one: what failed is known to need so many bytes in all, for room_tell(), or, when that
 * has told already, there. */
void room_need(uint64_t bytes, struct err *err);
/* The same of what will be compressed: it needs no more than this. */
void room_need_most(uint64_t bytes, struct err *err);
/* If err is one and does not say it yet: appends how many bytes (or inodes) are free where path is,
 * or, when there is no such file, where it would be, and how many are needed at least, what
 * room_need() said, else a block more than what was not enough, and at most, if that is known. Of a
 * quota only that there is one is known: what it leaves is told by programs of its own. Of EFBIG:
 * which limit it was. */
void room_tell(const char *path, struct err *err);
/* The same of the file system that fd is open on; path is for the message. What a file without a
 * name has got is free again soon. */
void room_tell_of(int fd, const char *path, struct err *err);
/* Whether the file system of path, which fd is open on, has room for so many bytes; else ERR_SYS
 * with ENOSPC, which says so. */
int room_check(int fd, const char *path, uint64_t bytes, struct err *err)
	__attribute__((warn_unused_result));
