/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where owners are kept beside the files (base/owner.h) the kernel does not say who made one. What
 * a step that was not root has made is given to who it was, and what is new in a directory with the
 * set-group-ID bit to that one's group, as the kernel does it where it knows groups. It does so
 * when a file is made, which is not seen here: one that was moved there gets the group, too.
 */
#pragma once
#include "layers/snapshot.h"
#include <sys/types.h>
#include <time.h>

struct err;

/* To be called after snapshot_settle(), with who the step was and when it began: what has changed
 * since, is not in the layers below and of which nobody has said whose it is becomes uid:gid's.
 * Does nothing where the kernel keeps owners. */
int snapshot_adopt(const struct snapshot *s, uid_t uid, gid_t gid, struct timespec begun,
	struct err *err) __attribute__((warn_unused_result));
