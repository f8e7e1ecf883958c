/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` in an image (cmd_run.c) and in a working container (run_container.c) share. */
#pragma once
#include "cmd/opt_groups.h"
#include "cmd/space.h"

struct app;
struct box_mounts;
struct err;
struct image_config;
struct run_spec;
struct snapshot;
struct txn;

struct run_args {
	bool init, interactive, quiet, add_history, no_hosts, no_hostname;
	int tty, http_proxy; /* -1: not said */
	struct strv env, volumes, mounts;
	const char *workdir, *user, *hostname, *entrypoint, *pull, *contextdir;
	struct remote_args remote;
	struct platform_args platform;
	struct space_args space;
	struct box_args box;
};
extern const struct opt run_options[];
void run_args_init(void *args); /* of a struct run_args; to be called by the command's init */

/* Where the command's own words begin. */
size_t run_first_word(const struct strv *rest);
/* All but the command and the root, of an initialised spec. Both outputs are the caller's to close,
 * after a failure too. */
int run_fill_spec(const struct run_args *a, const struct image_config *c, struct box_mounts *mounts,
	struct run_spec *spec, struct err *err) __attribute__((warn_unused_result));
/* What the image has in a VOLUME stays; the rest is on the upper directory, which is the
 * container's own as an anonymous volume would be. */
int run_make_volumes(struct txn *txn, const struct strv *volumes, const struct snapshot *root,
	struct err *err) __attribute__((warn_unused_result));

/* In the working container that rest[0] names, which is found to be one. own: the options of this
 * command, which win over those of `from`. Returns the command's exit status, as box_run(). */
int run_container(struct app *app, const struct run_args *own, const struct strv *rest,
	struct err *err) __attribute__((warn_unused_result));
