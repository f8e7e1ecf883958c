/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of mount_setup share: mount_inputs.c (keys), mount_bind.c (where files come from),
 * mount_setup.c (caches, secrets, agents, and all of them together). */
#pragma once
#include "base/digest.h"
#include "base/job.h"
#include "build/build_internal.h"
#include "build/cache_mount.h"
#include "build/mount_setup.h"
#include "run/spec.h"

struct chain;
struct filetree;
struct node;

/* One mount. */
struct mount_item {
	const struct step_mount *m;
	struct run_mount run; /* its target and below are borrowed from m */
	int fd; /* what run.source is */

	/* files that are copied before the step */
	struct filetree *tree; /* NULL: nothing is */
	bool own_tree;
	int tree_fd; /* its root, when it is ours */
	char *path; /* what of it, links resolved */
	bool is_dir;
	char *made; /* a directory of the transaction that is filled, or is to be a cache */
	int made_fd;

	int discarded[2]; /* what the step writes to a mount without a trace: upper and work */

	struct cache_mount cache;
	struct job forward; /* ssh */
};

/* --- mount_inputs.c --- */
/* It shows files of the context, of a stage or of an image. */
bool mount_has_input(const struct step_mount *m);
/* For explanations: input_list_id(). */
struct digest mount_list_id(const struct step_mount *m, const struct digest *inputs);
int mount_input_digest(struct build *b, const struct step_mount *m, enum stage_tree tree,
	struct digest *ret, bool *ret_known, struct err *err) __attribute__((warn_unused_result));
/* The path as a source of COPY, where some characters mean more. New string. */
char *mount_source_pattern(const char *path);

/* --- mount_bind.c --- */
int mount_bind_open(struct build *b, struct mount_item *it, struct err *err)
	__attribute__((warn_unused_result));
/* A fresh directory of the transaction: it->made. */
int mount_make_dir(struct build *b, struct mount_item *it, struct err *err)
	__attribute__((warn_unused_result));
/* The files that a cache is filled with at first: to be copied to it->made. */
int mount_seed_open(struct build *b, struct mount_item *it, struct err *err)
	__attribute__((warn_unused_result));
