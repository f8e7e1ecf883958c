/* SPDX-License-Identifier: Apache-2.0 */
/* Containerfiles -> stages: a graph in which only what the target needs is built. Also evaluates
 * global ARGs, which FROM lines use. */
#pragma once
#include "base/map.h"
#include "build/source.h"
#include "image/platform.h"
#include <stdbool.h>
#include <stddef.h>

struct build_opts;
struct err;

#define NO_STAGE ((size_t)-1)

struct stage {
	size_t index;
	size_t target; /* index into stages.targets: whom it is planned for */
	char *name; /* lower case; NULL without AS */
	char *base; /* the image or stage named, expanded */
	char *unset; /* a variable in it that has no value, or NULL */
	bool scratch;
	size_t base_stage; /* or NO_STAGE */
	bool has_platform;
	struct platform platform;
	size_t context; /* the named context that it copies from without --from, or NO_CONTEXT */
	struct source_inst from;
	struct source_inst *insts; /* after FROM */
	size_t n_insts;
	bool replaced; /* by the named context of its name: neither instructions nor triggers run */
	bool needed;
};

/* One platform to build for. Its stages stand side by side with those of the others, in one graph:
 * what is alike in two of them is made once. */
struct stage_target {
	struct platform platform;
	size_t first, end; /* its stages */
	size_t stage; /* the one that becomes the image */
	struct map global_args; /* ARGs before the first FROM with their values, platform arguments
	                           included */
	size_t expanded; /* bytes of all values that they had */
};

struct stages {
	struct containerfile *files;
	size_t n_files;
	struct stage *s;
	size_t n;
	struct stage_target *targets; /* one for each platform, in their order */
	size_t n_targets;
	struct strv warnings;
};

/* files are taken over (moved) into ret. platforms: a target for each; none: the host's. */
int stages_plan(struct containerfile *files, size_t n_files, const struct build_opts *o,
	const struct platform_list *platforms, struct stages *ret, struct err *err)
	__attribute__((warn_unused_result));
/* A stage of a target by name or number that comes before the stage `before`; NO_STAGE */
size_t stages_find(const struct stages *s, size_t target, const char *name, size_t before);
/* As BuildKit filters stages: by their names, whatever the case. */
bool stage_is_called(const struct stage *st, const char *name);
/* The name of a stage of a target before `before` that is like this one; NULL. Borrowed. */
const char *stages_suggest(const struct stages *s, size_t target, const char *name, size_t before);
void stages_done(struct stages *s);
/* Values of the predefined platform arguments (TARGETPLATFORM ...) for a target platform. */
void platform_args(struct map *ret, const struct platform *target);
bool is_proxy_arg(const char *name);
