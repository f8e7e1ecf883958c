/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of a working container that is made beside it: until container_stage_end() the container
 * is as it was, and what was made of a change that failed goes with the transaction. The end moves
 * names one by one: when it is killed meanwhile, or fails, the container has some of them as they
 * were and some as they should be, none half written, and the same change again makes them whole.
 * In a container that is mounted for its user, or for what others run in it, changes are made at
 * once.
 */
#pragma once
#include "layers/snapshot.h"

struct container_tree;
struct err;
struct store;
struct txn;

struct container_stage {
	struct snapshot snap; /* to be mounted; on top of the container's own files */
	int *lowers;
	int upper, work;
};
#define CONTAINER_STAGE_INIT                                                                       \
	{                                                                                          \
		.upper = -1, .work = -1                                                            \
	}

/* tree: open, with a transaction; outlives it. */
int container_stage_begin(struct txn *t, const struct container_tree *tree,
	struct container_stage *ret, struct err *err) __attribute__((warn_unused_result));
/* Its mount is closed. */
int container_stage_end(struct store *s, const struct container_stage *stage,
	const struct container_tree *tree, struct err *err) __attribute__((warn_unused_result));
void container_stage_done(struct container_stage *stage);
#define AUTO_CONTAINER_STAGE __attribute__((cleanup(container_stage_done)))
