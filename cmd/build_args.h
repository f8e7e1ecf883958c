/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `build`, and what they say; for the command and for the test of what is in a
 * step's key. */
#pragma once
#include "cmd/build_extra.h"
#include "cmd/build_left.h"
#include "cmd/build_limits.h"
#include "cmd/build_output.h"
#include "cmd/build_usage.h"
#include "cmd/opt_groups.h"

struct app;
struct build_opts;
struct err;

struct build_args {
	struct strv allow, secrets, ssh;
	struct strv files, tags, build_args, build_contexts, labels, no_cache_filter;
	const char *call, *print, *target, *pull, *ignorefile, *progress, *timestamp, *epoch;
	struct strv os_features;
	const char *os_version;
	bool all_platforms;
	bool no_steps; /* no option: the Containerfile is not the user's */
	const char *comment; /* no option: of the history */
	bool check, no_cache, quiet, pull_always, pull_never, rewrite_timestamp;
	struct strv cache_from, cache_to;
	const char *cache_ttl;
	bool explain_cache;
	uint64_t jobs;
	struct left_args left;
	struct limit_args limit;
	struct usage_args usage;
	struct extra_args extra;
	struct output_args output;
	struct remote_args remote;
	struct platform_args platform;
	struct box_args box;
};

extern const struct opt build_options[];
/* struct cmd's init, of a struct build_args. */
void build_args_init(void *args);
/* a: stays the caller's and has to outlive o. Opens what is named: namespaces, volumes, files with
 * arguments; not the context, the Containerfiles or outputs. */
int build_args_apply(struct app *app, struct build_args *a, const struct strv *rest,
	struct build_opts *o, struct err *err) __attribute__((warn_unused_result));
