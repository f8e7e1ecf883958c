/* SPDX-License-Identifier: Apache-2.0 */
/* What filetree.c and filetree_hash.c share. */
#pragma once
#include "build/filetree.h"

struct filetree {
	int rootfd;
	const struct ignore *ignore;
	struct statcache *cache;
	int flags;
	struct node *root;
	size_t nodes;
};
