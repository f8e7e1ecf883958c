/* SPDX-License-Identifier: Apache-2.0 */
/* Options of build that docker, buildah and podman know and that concern neither names nor outputs:
 * those that act, those without effect here, and those that are refused by name. */
#pragma once
#include "cmd/opt.h"
#include "cmd/space.h"

struct build_opts;
struct conf;
struct err;

struct extra_args {
	struct strv arg_files, secret_args, hooks_dirs, env, unset_env, unset_labels, cpp_flags,
		unset_ports, unset_volumes, volumes;
	const char *logfile, *from;
	struct space_args space;
	bool stdin, logsplit, compat_volumes, no_hostname;
	int skip_unused, layers, http_proxy, no_hosts;
};

extern const struct opt extra_options[];
void extra_args_init(struct extra_args *a);
/* Before --build-arg is looked at: it wins over a file. ERR_INVALID, ERR_UNSUPPORTED */
int extra_args_apply(const struct extra_args *a, const struct conf *c, struct build_opts *o,
	struct err *err) __attribute__((warn_unused_result));
/* Those of --build-arg that BuildKit takes for itself; after they are all there. ERR_INVALID */
int buildkit_args_apply(struct build_opts *o, struct err *err) __attribute__((warn_unused_result));
/* --layers, else BUILDAH_LAYERS, else yes. *ret_asked: it was one of them. ERR_INVALID */
int extra_args_layers(const struct extra_args *a, bool *ret, bool *ret_asked, struct err *err)
	__attribute__((warn_unused_result));
