/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user namespace for a workload alone (run_spec.users): its root is nobody here, or another user
 * than the one that mica is. Everything else of the sandbox belongs to the namespace that mica is
 * in; the workload joins its own one last. Layers are shown to it with mapped owners
 * (layers/snapshot_ids.c), so they keep the numbers that images have.
 */
#pragma once
#include "base/idmap.h"

/* With these users; ret->userns is the caller's to close. Without ranges: all that we know, by the
 * same numbers. ERR_DENIED, ERR_INVALID: the kernel does not take the map. */
int own_users_new(const struct idmap_ranges *uids, const struct idmap_ranges *gids,
	struct idmap_view *ret, struct err *err) __attribute__((warn_unused_result));
/* The namespace of a file, such as /proc/1234/ns/user. *ret: userns -1 if it is ours. */
int own_users_open(const char *path, struct idmap_view *ret, struct err *err)
	__attribute__((warn_unused_result));
/* What /etc/subuid and /etc/subgid have for a user or group, mapped from 0 on. ERR_NOT_FOUND:
 * nothing. */
int own_users_subids(const char *file, const char *name, struct idmap_ranges *ret, struct err *err)
	__attribute__((warn_unused_result));
