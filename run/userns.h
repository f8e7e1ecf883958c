/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rootless: the whole program moves into a user namespace in which it is root and the user's
 * subordinate IDs (subuid(5), subgid(5)) are mapped by newuidmap(1) and newgidmap(1), or, where
 * there are none, nobody but the user; and into a mount namespace of its own. To be called first
 * thing by commands that touch layers, while the process is single-threaded. Does nothing as root
 * who may mount, and where user namespaces are not allowed (mode.h).
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct err;

/* 0: mode_is() says what was found. With subordinate IDs the process is a child of the original
 * one: that waits, forwards signals and exits with our status, so this returns only in the child.
 * ERR_UNSUPPORTED: there is no user namespace to be had; the message says what to do. */
int userns_enter(struct err *err) __attribute__((warn_unused_result));
bool userns_is_rootless(void); /* after userns_enter: not the initial user namespace's root */
/* Before it: false in a user namespace whose mounts are those of another one, as by unshare -r
 * without -m. */
bool userns_has_mounts(void);
/* after userns_enter: who we were before */
void userns_caller(uid_t *ret_uid, gid_t *ret_gid);
