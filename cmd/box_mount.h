/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of `run`: the words of --volume and --mount, and what must live as long as the
 * command: locks of caches. */
#pragma once
#include "base/strv.h"
#include <stddef.h>

struct app;
struct box_cache;
struct err;
struct image_get_args;
struct run_mount;
struct run_spec;
struct store;
struct txn;

struct box_mounts {
	struct app *app;
	struct store *s;
	struct txn *t;
	const char
		*contextdir; /* relative sources of --mount are below it; NULL: the current one */
	const struct image_get_args *get; /* for from=IMAGE */
	struct strv texts; /* what spec's mounts borrow */
	struct box_cache *caches;
	size_t n_caches;
};

/* SOURCE:/TARGET[:OPTIONS]: volume_words.h */
int box_add_volume(const struct box_mounts *b, const char *text, struct run_spec *spec,
	struct err *err) __attribute__((warn_unused_result));
/* type=bind|tmpfs|cache,... as docker and buildah have it. */
int box_add_mount(struct box_mounts *b, const char *text, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
/* One more, for the caller to fill in. */
struct run_mount *box_new_mount(struct run_spec *spec);
/* After the command. */
void box_mounts_done(struct box_mounts *b);
