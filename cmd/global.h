/* SPDX-License-Identifier: Apache-2.0 */
/* The global options, the configuration files and the environment, made into what a command finds
 * in struct app. */
#pragma once

struct app;
struct box_args;
struct space_args;
struct err;
struct strv;

/* Checks and applies the options of mica itself. ERR_INVALID */
int global_apply(const struct app *app, struct err *err) __attribute__((warn_unused_result));
/* Reads containers.conf and storage.conf (cmd/conf.h): app->conf, app->storage, the variables that
 * [engine] env sets, the driver and the place of the store when neither an option nor a variable
 * says them. */
int global_configure(struct app *app, struct err *err) __attribute__((warn_unused_result));
/* The snapshots' driver by the name that it was asked for: vfs is what others call copy. */
const char *global_driver(const struct app *app);
/* What a short name may stand for, as registries.conf and the user's choices have it: for
 * image_short_names(). arg: struct app */
void global_short_names(void *arg, const char *text, struct strv *ret);
/* What steps and containers get when no option says it: of containers.conf, and the volumes of
 * mounts.conf. ERR_INVALID */
int global_fill_box(struct app *app, struct box_args *a, struct space_args *space,
	struct strv *volumes, struct err *err) __attribute__((warn_unused_result));
