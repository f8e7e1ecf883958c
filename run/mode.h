/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of a machine there is for us, found out once by userns_enter(), and by sandbox_probe()
 * for who is confined:
 *
 *	MODE_ROOT      root of the machine, or of a container that may mount
 *	MODE_SUBIDS    a user namespace with many users: of a user with subordinate IDs, or one that
 *	               somebody else made
 *	MODE_SINGLE    a user namespace that knows nobody but ourselves: owners are kept beside the
 *	               files (base/owner.h), and the workload is told that it changed them, and
 *	               itself (run/ids.h)
 *	MODE_CHROOT    root without namespaces and mounts, as in most containers and pods, or in a
 *	               user namespace without mounts: chroot(2) and what needs no privilege
 *	               (run/chroot.c)
 */
#pragma once

enum mode { MODE_ROOT, MODE_SUBIDS, MODE_SINGLE, MODE_CHROOT };

enum mode mode_is(void);
const char *mode_name(void); /* "root", "rootless", "rootless, one user", "chroot" */
/* Why not a better one, or "". One line, what to do about it included. */
const char *mode_reason(void);
void mode_set(enum mode mode, const char *reason);
