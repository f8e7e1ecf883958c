/* SPDX-License-Identifier: Apache-2.0 */
/* What the words of `build` say, for the command and for the test of what is in a step's key. */
#pragma once

struct app;
struct build_opts;
struct err;
struct strv;

/* args: of cmd_build, which stay the caller's and have to outlive o. Opens what is named:
 * namespaces, volumes, files with arguments; not the context, the Containerfiles or outputs. */
int build_args_apply(const struct app *app, void *args, const struct strv *rest,
	struct build_opts *o, struct err *err) __attribute__((warn_unused_result));
