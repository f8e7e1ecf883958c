/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build: Containerfiles and a context in, images in the store out. The face of this floor
 * for Containerfiles.
 *
 *	text -> instructions (file_parse) -> stages (stages)
 *	     -> steps with all words expanded (evaluate) -> layers (executor)
 *	     -> images (finish) -> names (publish)
 *
 * Everything up to the steps happens before the first RUN: flags, stages, mounts, base images and
 * context sources are checked there.
 */
#pragma once
#include "base/map.h"
#include "base/strv.h"
#include "build/attest.h"
#include "build/lint.h"
#include "build/sbom.h"
#include "image/platform.h"
#include "layers/layer.h"
#include "registry/transport.h"
#include "run/spec.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct json;
struct progress;
struct store;
struct txn;

/* Instead of building: tell about the Containerfile (call.h). */
enum build_call {
	BUILD_CALL_BUILD,
	BUILD_CALL_CHECK, /* its warnings */
	BUILD_CALL_OUTLINE, /* what the target takes: arguments, secrets, agents */
	BUILD_CALL_TARGETS, /* its stages */
};

/* What becomes of what a failed RUN left. */
enum build_on_error {
	ON_ERROR_DROP,
	ON_ERROR_SHELL, /* `enter` runs a shell in it */
	ON_ERROR_KEEP, /* build_result.left has it */
};

struct build_opts {
	enum build_call call;
	const char *context; /* directory, or what remote_context.h takes */
	struct strv files; /* -f, in order; empty: Containerfile or Dockerfile of the context; "-":
	                      stdin */
	const char *ignore_file; /* --ignorefile; NULL: the usual places */
	struct strv tags; /* -t, as typed */
	const char *from; /* --from: the base of the first stage instead of its own; NULL */
	struct map env; /* --env: in the config of bases, so that steps and ENV see it */
	struct strv cpp_flags; /* for cpp(1), which reads FILE.in */
	struct strv unset_env, unset_labels, unset_ports, unset_volumes; /* not in the image's
	                                                                    config */
	struct strv volumes, devices; /* --volume, --device, as typed: for the keys; box.mounts has
	                                 them open */
	struct map spaces; /* "pid", "ipc" ... -> "host" or the path of what is joined: for the
	                      keys; box has them open */
	struct run_mount *overlays; /* --volume with O: directories whose changes are discarded */
	size_t n_overlays;
	bool compat_volumes; /* what RUN changes in volumes does not stay */
	bool http_proxy; /* RUN gets the proxy variables of our environment */
	bool stdin; /* RUN reads our standard input */
	bool errors_apart; /* what RUN writes to standard error is told apart */
	struct map build_args; /* value NULL: take it from our environment */
	struct map secret_args; /* as build_args, for commands of RUN alone: secrets_add_args() */
	struct map contexts; /* --build-context: name -> where */
	struct map labels;
	bool drop_labels; /* those of base images and base stages */
	bool inherit_annotations; /* those of the base image's manifest, but for unset_annotations
	                           */
	struct strv unset_annotations;
	struct strv annotations; /* that the caller will add, as typed */
	bool created_annotation; /* org.opencontainers.image.created */
	const char *target; /* NULL: the last stage */
	bool no_cache;
	bool docker; /* the image will be of Docker's form */
	bool reshaped; /* annotations, squash ...: the image will be another than the steps make */
	bool one_layer; /* the steps make one layer: their results are not told */
	struct strv no_cache_stages; /* --no-cache-filter */
	bool has_cache_ttl;
	int64_t cache_ttl_ns; /* older records are not used */
	struct strv cache_from, cache_to; /* as typed */
	bool explain; /* why each step ran that was not answered from the cache */
	struct platform_list platforms; /* an image for each; none: the host's */
	bool all_stages; /* before the target, also those that it does not need */
	bool all_platforms; /* all those that every base image is there for */
	const char *os_version; /* of the images, NULL: that of the base image */
	struct strv os_features; /* added to those of the base image */
	const char *comment; /* of the history; NULL: "mica" */
	bool keep_steps; /* an image for each instruction, too (keep_steps.h) */
	struct map layer_labels; /* which these have */
	bool has_epoch; /* SOURCE_DATE_EPOCH: times in config and history are it, times in layers at
	                   most it */
	int64_t epoch;
	bool always_index; /* also for one platform */
	const char *cache_ns; /* cache mounts are those of this name; NULL: no name */
	bool force; /* --timestamp: all times of files made by the build become the epoch */
	enum compression compression;
	bool wants_trees; /* the caller will look at the files of the images */
	struct run_spec box; /* limits, network, hosts, capabilities: the same for each RUN; other
	                        members unused */
	size_t n_ulimits; /* the first of its rlimits were asked for, what follows is how we run */
	const struct provenance_opts *provenance; /* NULL: nothing is told of it */
	const char *generator; /* an image that makes a bill of materials of each image, to lie
	                          beside it; NULL: none */
	const struct sbom_opts *sbom; /* NULL: the images are not scanned */
	struct strv secrets, ssh; /* --secret, --ssh, as typed */
	bool allow_insecure, allow_host_network; /* --allow */
	uint64_t step_timeout_ms; /* 0: none */
	uint64_t build_timeout_ms, deadline_ms; /* the latter by clock_ms(); 0: none */
	uint64_t disk_limit; /* bytes that a RUN may add to the image, 0: none */
	unsigned jobs; /* stages that run at the same time; 0: the number of cores */
	struct pull_opts pull;
	enum build_on_error on_error;
	int (*enter)(void *arg, struct run_spec *spec, struct err *err);
	void *enter_arg;
	struct progress *progress;
	/* called once, when all that can be known before the first step is right; NULL */
	int (*ready)(void *arg, struct err *err);
	void *ready_arg;
	/* called while waiting; returns milliseconds until it wants to be called again, -1 no need
	 */
	int (*tick)(void *arg);
	void *tick_arg;
};

/* The image for one platform. */
struct built_image {
	struct platform platform;
	struct descriptor manifest; /* in the store; its platform is set */
	struct digest image_id; /* of the config */
	uint64_t bytes; /* all blobs of the image */
	size_t base_layers, base_history; /* how many came with the base image */
};

/*
 * Documents and layers in the store that have no name yet: the transaction keeps them until
 * build_publish() (publish.h) has named the root.
 */
struct build_result {
	struct built_image *images; /* in the order of the platforms */
	size_t n_images;
	struct descriptor root; /* the one manifest, or an index of all */
	bool is_base; /* the image is the base image as it is (as_buildah.h) */
	struct descriptor *steps; /* keep_steps: intermediate images */
	size_t n_steps;
	struct strv refs; /* names that were set, fully qualified: by build_publish() */
	bool has_epoch; /* SOURCE_DATE_EPOCH of the options or of the file */
	int64_t epoch;
	unsigned steps_run, steps_cached;
	uint64_t new_bytes; /* of layer blobs written */
	struct built_image left; /* ON_ERROR_KEEP: what a failed RUN left, as an image without a
	                            name; bytes 0: nothing was kept */
	struct predicates predicates; /* what is said of the images, beside them */
	struct sbom_found sbom; /* of the last image that was scanned */
	char *log; /* the complete log's path when the build failed after a step had output; NULL
	              else */
	struct strv warnings; /* lines of text */
	struct lint lint; /* warnings about the Containerfile, by place */
	struct json *document; /* of a call, in the shape that docker buildx gives it */
	struct strv explanations; /* "file:line: step ran: why" */
};

void build_opts_init(struct build_opts *o);
void build_opts_done(struct build_opts *o);
/* ERR_COMMAND: a RUN failed, err->sys is its status. ret is filled as far as it goes, also on
 * failure. */
int build_run(struct store *s, struct txn *t, const struct build_opts *o, struct build_result *ret,
	struct err *err) __attribute__((warn_unused_result));
void build_result_done(struct build_result *r);
