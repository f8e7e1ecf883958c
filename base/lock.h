/* SPDX-License-Identifier: Apache-2.0 */
/* Advisory locks on a file (flock(2): bound to the open file description, gone when the last holder
 * dies). */
#pragma once
#include <stdbool.h>

struct err;

enum lock_mode { LOCK_SHARED, LOCK_EXCLUSIVE };

/* Opens (creating it 0600) and locks. *ret_fd: close it to unlock. wait: block until it is free;
 * else ERR_BUSY at once. */
int lock_file(int dirfd, const char *name, enum lock_mode mode, bool wait, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));
