/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks whose owner was killed. A lock (flock(2)) goes with the last process that has the
 * descriptor, and the children of a command that was killed die a little later than it: to the next
 * command its transaction would still seem to be somebody's.
 */
#pragma once
#include <stdbool.h>

/* Notes in the directory dir, whose lock is ours, that we live: by a lock that no child has
 * (fcntl_locking(2)), and that goes with the first of our descriptors of that file which is closed.
 * For forget_owner(); -1: it cannot be. */
int note_owner(int dir);

/* We let go of the directory: to be called last. The number of the file may be another's next. */
void forget_owner(int fd);

/* flock(fd, LOCK_EX) without waiting for a live owner; for one that is dying, or dead and survived
 * by children, up to a second. Who the owner is comes from /proc/locks; of one that is not told
 * there (another pid namespace, or dead in one) note_owner() tells. Without either it is taken for
 * alive. */
bool lock_of_the_dead(int fd);
