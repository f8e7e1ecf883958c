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
	struct timespec begun;
	bool has_epoch; /* from the options, or ARG SOURCE_DATE_EPOCH=N of the file */
	int64_t epoch;

	struct stages stages;
	struct stage_plan *plans; /* one for each stage */
	struct containerfile **triggers; /* ONBUILD triggers of base images, parsed */
	size_t n_triggers;
	struct remote_keep remote_keep; /* while it is planned */
	struct used_image *images;
	size_t n_images;
	size_t scanner, generator; /* of them, with o->sbom and o->generator */

	int context_fd;
	char *context_name; /* for messages */
	bool remote_context; /* its files came from elsewhere */
	bool context_owners; /* those of its files count */
	bool no_files; /* a Containerfile was all that was given */
	char *context_text; /* that, until it is read */
	size_t context_text_len;
	bool context_has_time; /* of the commit that it is */
	int64_t context_time;
	char *context_uri, *context_commit; /* of a repository; NULL: it is none */
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
	int mount_points; /* that images lack, made with the first RUN; -1 */
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
