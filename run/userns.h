/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rootless: the whole program moves into a user namespace in which it is root and the user's
 * subordinate IDs (subuid(5), subgid(5)) are mapped by newuidmap(1) and newgidmap(1), and into a
 * mount namespace of its own. To be called first thing by commands that touch layers, while the
 * process is single-threaded. Does nothing as real root with all capabilities.
 */
#pragma once
#include <stdbool.h>

struct err;

/* 0: we are root in a namespace (or always were). The process is a child of the original one then:
 * the original waits, forwards signals and exits with our status, so this returns only in the
 * child. ERR_UNSUPPORTED: user namespaces are not allowed, no subordinate IDs, newuidmap missing;
 * the message says what to do. */
int userns_enter(struct err *err) __attribute__((warn_unused_result));
bool userns_is_rootless(void); /* after userns_enter: not the initial user namespace's root */
