/* SPDX-License-Identifier: Apache-2.0 */
/* Errors for want of room (ENOSPC, EDQUOT): how much there is, for whoever is to make some. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct err;

bool room_is_short(const struct err *err);
/* If err is one and does not say it yet: appends how many bytes (or inodes) are free where path is,
 * or, when there is no such file, where it would be. Of a quota only that there is one is known:
 * what it leaves is told by programs of its own. */
void room_tell(const char *path, struct err *err);
/* Whether the file system of path, which fd is open on, has room for so many bytes; else ERR_SYS
 * with ENOSPC, which says so. */
int room_check(int fd, const char *path, uint64_t bytes, struct err *err)
	__attribute__((warn_unused_result));
