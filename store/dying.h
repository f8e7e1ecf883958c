/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks whose owner was killed. A lock (flock(2)) goes with the last process that has the
 * descriptor, and the children of a command that was killed die a little later than it: to the next
 * command its transaction would still seem to be somebody's.
 */
#pragma once
#include <stdbool.h>

/* flock(fd, LOCK_EX) without waiting for a live owner; for one that is dying, or dead and survived
 * by children, up to a second. Who the owner is comes from /proc/locks: one that is not told there
 * (another pid namespace, no /proc) is taken for alive. */
bool lock_of_the_dead(int fd);
