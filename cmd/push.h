/* SPDX-License-Identifier: Apache-2.0 */
/* What push and manifest push share: sending an image or a list of them, in another form if one is
 * asked for. */
#pragma once
#include "cmd/opt_groups.h"
#include <stdbool.h>
#include <stdint.h>

/* The last line of a push, as buildah and skopeo have it: scripts look for it. */
#define PUSH_DONE "Writing manifest to image destination"

struct app;
struct descriptor;
struct err;
struct store;

/* --compression-format --compression-level --disable-compression/-D --force-compression
 * --digestfile --format/-f --quiet/-q --remove-signatures --rm --sign-by, those of remote_options,
 * those without effect or refused */
struct push_args {
	bool quiet, rm, disable_compression, remove_signatures;
	const char *digestfile, *format, *compression, *sign_by;
	int64_t level; /* -1: not said */
	struct strv add_compression; /* of lists, in their own table */
	struct remote_args remote;
};
extern const struct opt push_options[];
void push_args_init(struct push_args *a);

/* name: in the store, for archives that record one. index_only: of an index, its images are there
 * already. ERR_INVALID, ERR_UNSUPPORTED: an option; and as image_push(). */
int push_send(struct app *app, struct store *s, const struct push_args *a,
	const struct descriptor *what, bool index_only, const char *name, const char *location,
	struct err *err) __attribute__((warn_unused_result));
