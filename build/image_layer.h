/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers of steps as images have them. With a source date epoch no time in them is later; the
 * steps and their records know nothing of it, so a build with another epoch carries no step out
 * again. Every layer is compressed once: without an epoch the blob is that of what the step made;
 * with one it is that of the same with other times, and what the step made is kept as a tree alone,
 * whose diff ID is found on the way. What a cached step was not made with is made from its tree,
 * and remembered.
 */
#pragma once
#include "layers/layer.h"
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct build;
struct descriptor;
struct err;
struct link;
struct tmp;

/* Is the stage one that a target is built on, or that steps are kept of? */
bool stage_is_of_image(const struct build *b, size_t stage);
/* Will this build look at the files that a stage has after its step number `step`: by a later step
 * that does not begin with nothing, or by another stage? */
bool stage_is_seen(const struct build *b, size_t stage, size_t step);

struct layer_made {
	struct layer layer;
	struct layer dated; /* blob zero: there is none */
};

/* A job: the directory becomes a layer, a struct layer_made in out. */
struct layer_job {
	const struct build *b;
	int dir, blob;
	bool dated; /* the blob has the image's times */
};
int layer_job(void *arg, struct buf *out, struct err *err) __attribute__((warn_unused_result));
/* What it made, into the store; sets the layers of l. */
int image_layer_commit(struct build *b, struct link *l, struct tmp *blob,
	const struct layer_made *made, struct err *err) __attribute__((warn_unused_result));

/* The blob of what the step made is there after, if it made anything. */
int link_need_blob(struct build *b, struct link *l, struct err *err)
	__attribute__((warn_unused_result));
/* The layer of an image, of a link that is not empty. *ret: the caller frees it. */
int link_of_image(struct build *b, struct link *l, struct descriptor *ret,
	struct digest *ret_diff_id, struct err *err) __attribute__((warn_unused_result));
