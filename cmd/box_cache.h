/* SPDX-License-Identifier: Apache-2.0 */
/* The cache mounts of `run`: those of RUN --mount=type=cache, under the same names. */
#pragma once

struct box_mounts;
struct err;
struct mount_words;
struct run_spec;

/* The mount, whose source box_open_caches() fills in. */
int box_add_cache(struct box_mounts *b, const struct mount_words *m, struct run_spec *spec,
	struct err *err) __attribute__((warn_unused_result));
/* When all are added: waits for locked caches, and shows them. */
int box_open_caches(struct box_mounts *b, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
/* After the command. */
void box_caches_done(struct box_mounts *b);
