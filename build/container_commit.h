/* SPDX-License-Identifier: Apache-2.0 */
/* A working container -> an image in the store, in the form of a build's result (build.h): rework
 * and outputs take it from there. */
#pragma once
#include "base/strv.h"
#include "layers/layer.h"
#include <stdbool.h>
#include <stdint.h>

struct build_result;
struct container;
struct err;
struct store;
struct txn;

struct container_commit {
	enum compression compression; /* of the new layer */
	bool has_epoch; /* all times are this one */
	int64_t epoch;
	const struct strv *unset_env; /* not in the image's config */
	const struct strv *unset_annotations;
	const struct strv *add_files; /* "SOURCE[:TARGET]": files of this machine, as one more
	                                 layer on top */
	const struct strv *changes; /* config_change() */
	const char *override; /* config_override(), NULL: nothing */
	bool keep_times; /* in the layer, whatever the epoch */
	bool force; /* times in the layer are all the epoch, else at most that */
	bool docker; /* members that OCI has no place for, but Docker has */
};

/* c is locked and stays as it is; it may be mounted (container_mount_settle()), and what runs in it
 * stands still while it is read, where it can be made to: container_tree_is_overlay(). ret: zeroed;
 * one image, without a name. */
int container_commit(struct store *s, struct txn *t, struct container *c,
	const struct container_commit *o, struct build_result *ret, struct err *err)
	__attribute__((warn_unused_result));
