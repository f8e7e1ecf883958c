/* SPDX-License-Identifier: Apache-2.0 */
/* build --on-error, --force-rm, --rm: what is left of steps beside the image. */
#pragma once
#include "cmd/opt.h"

struct app;
struct build_opts;
struct build_result;
struct err;
struct store;
struct txn;

struct left_args {
	const char *on_error;
	int force_rm, rm; /* -1: not said */
};
extern const struct opt left_options[];

/* For left_enter(): where the shell is to run. */
struct left_place {
	struct app *app;
	struct txn *txn;
};

void left_args_init(struct left_args *a);
/* When it is known whether the images of steps are kept. ERR_INVALID; ERR_UNSUPPORTED: a shell
 * without a terminal. */
int left_args_apply(const struct left_args *a, const struct app *app, struct build_opts *o,
	struct err *err) __attribute__((warn_unused_result));
/* build_opts.enter: runs the shell until it ends; p is borrowed. */
void left_prepare(struct left_place *p, struct build_opts *o);
/* Keeps containers, names what was kept, and says how to get at it; a failure is a warning.
 * status: of build_run(). */
void left_tell(const struct left_args *a, struct app *app, struct store *s, struct txn *t,
	const struct build_opts *o, int status, struct build_result *r);
