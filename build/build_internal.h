/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of one build share. */
#pragma once
#include "build/build.h"
#include "build/chain.h"
#include "build/contexts.h"
#include "build/filetree.h"
#include "build/remote_cache.h"
#include "build/secrets.h"
#include "build/stages.h"
#include "build/steps.h"

struct build {
	struct store *store;
	const struct build_opts *o;
	struct build_result *result;
	struct txn *txn;
	bool has_epoch; /* from the options, or ARG SOURCE_DATE_EPOCH=N of the file */
	int64_t epoch;

	struct stages stages;
	struct stage_plan *plans; /* one for each stage */
	struct containerfile **triggers; /* ONBUILD triggers of base images, parsed */
	size_t n_triggers;
	struct used_image *images;
	size_t n_images;

	int context_fd;
	char *context_name; /* for messages */
	bool remote_context; /* its files came from elsewhere */
	bool context_owners; /* those of its files count */
	bool no_files; /* a Containerfile was all that was given */
	char *context_text; /* that, until it is read */
	size_t context_text_len;
	bool context_has_time; /* of the commit that it is */
	int64_t context_time;
	struct filetree *context;
	struct ignore *ignore;
	char *ignore_name; /* file it came from, NULL none */
	struct statcache *statcache;
	struct context *contexts; /* --build-context */
	size_t n_contexts;
	struct unmatched { /* a pattern that matches nothing in a directory that is there */
		struct source_inst at;
		struct pos pos;
		char *source, *top, *why;
		struct filetree *tree;
	} * unmatched;
	size_t n_unmatched;
	unsigned n_archives; /* of ADD that were looked into, archive_check.h */
	struct remote_file **looked; /* URLs that were asked about; the steps own them */
	size_t n_looked;
	struct secrets secrets;
	struct remote_cache *caches; /* --cache-from */
	size_t n_caches;
	struct cache_place *cache_to;
	size_t n_cache_to;
	bool beyond_target; /* stages that the target does not need are looked at */
	bool looked_ahead; /* ahead.h */
	bool cache_failed; /* a layer of one could not be had: begin the steps anew */
	struct strv fresh_caches; /* cache mounts that this build has emptied (--no-cache) */

	struct link **links; /* all links of all chains */
	size_t n_links;
	struct inputs_note { /* see step_record.h */
		struct digest words, source, inputs;
		size_t from_stage;
	} * notes;
	size_t n_notes;
	struct stage_run *runs; /* one for each stage */
	struct stage_run *failed; /* whose RUN has ended with a status that is not 0; NULL */
	struct network *network; /* started with the first RUN that needs it */
	struct logfile *log;
	size_t kept; /* weight.h */
	size_t step_bytes; /* keep_steps.h */
	unsigned depth; /* stages that are being evaluated, each for the one before */
};

struct remote_file;

/* The platform and the global ARGs that a stage is planned with. */
static inline const struct stage_target *build_target_of(
	const struct build *b, const struct stage *st)
{
	return &b->stages.targets[st->target];
}

/* The image of a FROM or --from: pulled as the options say, loaded, remembered. *ret: its index in
 * b->images. */
int build_use_image(struct build *b, const char *text, const struct platform *platform, size_t *ret,
	struct err *err) __attribute__((warn_unused_result));

/* An image could not be had: what is only to be told (a check, an outline) is told without it. Then
 * a warning takes the place of the error. */
bool build_can_do_without(struct build *b, struct err *err) __attribute__((warn_unused_result));

/* Evaluation of one instruction, given to the inst_*.c files. */
struct eval {
	struct build *b;
	struct stage_plan *p;
	struct source_inst at;
	bool trigger; /* ONBUILD of the base image */
	bool matched; /* COPY: one of its sources is there */
	size_t expanded; /* bytes that its words became, weight.h */
};

/* Expands with the stage's ARGs and ENVs; the error is bare. Names that are not set are a check's
 * business. */
int eval_expand(struct eval *e, const char *word, char escape, int flags, struct pos pos,
	char **ret, struct err *err) __attribute__((warn_unused_result));
/* Expands with the stage's ARGs and ENVs; errors carry the position of argument i (or of pos). New
 * string. */
int eval_word(struct eval *e, const char *word, struct pos pos, char **ret, struct err *err)
	__attribute__((warn_unused_result));
int eval_words(struct eval *e, const char *text, struct pos pos, struct strv *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The value of a flag, expanded; NULL in *ret when it was not given. */
int eval_flag(struct eval *e, const char *name, char **ret, struct err *err)
	__attribute__((warn_unused_result));
struct pos eval_arg_pos(const struct eval *e, size_t i);
#define eval_error(e, pos, err, code, ...)                                                         \
	containerfile_error((e)->at.file, pos, err, code, __VA_ARGS__)
/* Appends a step; its title is the instruction's text, its history entry the one added last. */
struct step *eval_add_step(struct eval *e, enum step_kind kind);
/* The texts are of history.h. */
void eval_history(struct eval *e, const char *created_by, bool empty);
/* In the place of the one added last, once the instruction was looked at as a whole. */
void eval_history_text(struct eval *e, const char *created_by);
/* from=NAME is neither a stage nor, as why tells, an image that can be had. flag: "--from" */
int eval_from_error(const struct eval *e, struct pos pos, const char *flag, const char *from,
	const struct err *why, struct err *err);
/* words in shell form with the stage's SHELL in front, or the exec form as it is */
void eval_command(const struct eval *e, struct strv *ret);

int inst_metadata(struct eval *e, struct err *err)
	__attribute__((warn_unused_result)); /* all that touch only the config */
int inst_workdir(struct eval *e, struct err *err) __attribute__((warn_unused_result));
int inst_run(struct eval *e, struct err *err) __attribute__((warn_unused_result));
/* Adds what the number-th --mount of the instruction says to the step. */
int step_add_mount(struct eval *e, struct step *s, const struct inst_flag *f, size_t number,
	struct err *err) __attribute__((warn_unused_result));
/* ARGs with secret values: variables of the RUN that nothing else sees. After its own mounts. */
void step_add_secret_args(struct eval *e, struct step *s);
/* --compat-volumes: what a RUN changes in a volume is gone after it. After the RUN's own mounts. */
void step_hide_volumes(struct eval *e, struct step *s);
void step_mounts_done(struct step *s);
int inst_copy(struct eval *e, struct err *err)
	__attribute__((warn_unused_result)); /* COPY and ADD */
