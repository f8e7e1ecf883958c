/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps: instructions with every word expanded and checked, ready to be carried out. A stage is a
 * list of the steps that touch files, and a config that is complete but for diff IDs and times.
 */
#pragma once
#include "base/digest.h"
#include "base/map.h"
#include "base/strv.h"
#include "build/lint_stage.h"
#include "build/mounts.h"
#include "build/stages.h"
#include "image/config.h"
#include "run/spec.h"
#include "store/images.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct build;
struct err;
struct ignore;
struct filetree;
struct remote_file;

enum step_kind { STEP_RUN, STEP_COPY, STEP_WORKDIR };

enum copy_from { COPY_FROM_CONTEXT, COPY_FROM_STAGE, COPY_FROM_IMAGE, COPY_FROM_NOTHING };

struct inline_file {
	char *name;
	char *content;
	size_t len;
};

enum mount_from {
	MOUNT_FROM_CONTEXT,
	MOUNT_FROM_STAGE,
	MOUNT_FROM_IMAGE,
	MOUNT_FROM_NOTHING, /* nothing in it at first */
};

/* A RUN --mount that concerns files of the sandbox or its environment. */
struct step_mount {
	struct mount_opts o;
	struct pos pos;
	char *target; /* absolute, clean; NULL: a secret that is a variable only */
	enum mount_from from;
	size_t from_stage;
	size_t from_image; /* index into build.images */
	struct pos source_pos; /* of source=, or pos */
	char *source; /* bind, cache: relative to the root of what it is from, "" for that */
	char *id; /* cache, secret, ssh */
};

struct step {
	enum step_kind kind;
	struct source_inst at;
	char *title; /* for progress: "RUN make" */
	size_t history; /* index of its entry in the config's history */
	size_t number; /* of its instruction in the plan's, from 1 */
	struct map named; /* everything about it but its parent and its file inputs: step_words.h */
	struct digest words; /* hash of that */

	/* RUN */
	struct strv argv;
	struct map env; /* complete */
	struct map quiet_env; /* proxies: in the environment, not in the key */
	char *cwd;
	char *user;
	struct source_inst user_at; /* the USER that says so; none: the base image */
	/* here-document with a shebang: mounted as /dev/pipes/NAME, or NULL */
	struct inline_file *script;
	enum run_network network;
	bool has_network;
	bool insecure; /* --security=insecure */
	char *ssh_sock; /* SSH_AUTH_SOCK: of the first ssh mount, whether there is an agent or not */
	size_t n_ssh;
	struct strv not_given; /* IDs of its secrets that the user has not given */
	struct step_mount *mounts; /* by target, so that none hides a later one's place */
	size_t n_mounts;

	/* COPY, ADD */
	bool add;
	enum copy_from from;
	size_t from_stage;
	size_t from_image; /* index into build.images */
	size_t context; /* COPY_FROM_CONTEXT: a named one, or NO_CONTEXT */
	struct strv sources; /* relative to the root of the source */
	struct pos *source_pos; /* one for each */
	struct remote_file **remote; /* n_remote: for each source that is a URL, else NULL */
	size_t n_remote;
	struct inline_file *inlines;
	size_t n_inlines;
	char *dest; /* absolute, trailing slash kept */
	char *chown; /* NULL: not given */
	bool plain_dirs; /* directories that are made on the way are 0755, whatever chmod says */
	bool archive_owners; /* what is unpacked keeps its owners, whatever chown says */
	bool strip_ids; /* what chmod is not for loses its setuid and setgid bits */
	char *chmod; /* NULL: not given; else octal or symbolic */
	struct strv excludes; /* patterns */
	bool parents;
	bool link; /* a layer of its own: made on an empty root, whatever is below */
	bool unpack, unpack_remote; /* archives */

	/* WORKDIR: dest, user */
	struct strv dirs; /* VOLUME as buildah has it: instead of dest */
};

struct stage_plan {
	struct stage *stage;
	bool evaluated;
	struct step *steps;
	size_t n_steps;
	struct source_inst
		*insts; /* what was evaluated: triggers of the base image, then the stage's */
	size_t n_insts;
	struct image_config config; /* diff_ids: of the base image only */
	struct image_config *step_configs; /* after each instruction, keep_steps.h */
	size_t n_step_configs;
	struct map env; /* at the end: ENV and ARG, for stages built on it */
	struct strv
		declared; /* names of ARG, for the history of RUN; stages built on it have them */
	struct strv secret_args; /* names that ARG declared and --build-arg-secret has values for */
	size_t base_image; /* index into build.images, or NO_STAGE */
	size_t base_history; /* history entries that came with the base (image or stage) */
	struct lint_stage lint;
	struct source_inst user_at; /* the last USER, of this stage or one below it */
	bool own_cmd; /* CMD was given in this stage: ENTRYPOINT keeps it */
};

/* An image that is used: FROM or --from. */
struct used_image {
	char *text; /* as written */
	char *ref; /* the name in the store, NULL: none */
	struct platform platform;
	struct image image;
	bool loaded;
};

/* Evaluates stage i (its base stage was evaluated before). */
int stage_evaluate(struct build *b, size_t i, struct err *err) __attribute__((warn_unused_result));
void step_done(struct step *s);
void stage_plan_done(struct stage_plan *p);
