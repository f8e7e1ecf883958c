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
 * --digestfile --format/-f --quiet/-q --remove-signatures --rm --sign-by, those of remote_options
 * and seal_options, those without effect */
/* --encrypt-layer --encryption-key */
struct seal_args {
	struct strv keys, layers;
};
extern const struct opt seal_options[];
/* What is to be sent in place of the image: a copy, or with its layers encrypted where there are
 * keys, without signatures then. The caller holds a transaction. ERR_INVALID: layers and no keys.
 * ERR_UNSUPPORTED: drop_signatures is not said and there are some; and as image_seal(). */
int seal_args_apply(const struct seal_args *a, struct store *s, const struct descriptor *image,
	bool drop_signatures, struct descriptor *ret, struct err *err)
	__attribute__((warn_unused_result));

struct push_args {
	bool quiet, rm, disable_compression, remove_signatures;
	const char *digestfile, *format, *compression, *sign_by;
	int64_t level; /* -1: not said */
	struct strv add_compression; /* of lists, in their own table */
	struct seal_args seal;
	struct remote_args remote;
};
extern const struct opt push_options[];
void push_args_init(struct push_args *a);

/* name: in the store, for archives that record one. index_only: of an index, its images are there
 * already. ERR_INVALID, ERR_UNSUPPORTED: an option; and as image_push(). */
int push_send(struct app *app, struct store *s, const struct push_args *a,
	const struct descriptor *what, bool index_only, const char *name, const char *location,
	struct err *err) __attribute__((warn_unused_result));
