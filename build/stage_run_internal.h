/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a stage's run share: stage_run.c goes from step to step, stage_cache.c knows a
 * step's key and who has its result, stage_work.c does the step. */
#pragma once
#include "build/stage_run.h"

struct buf;
struct layer;

/* The step that is next, or at work. */
static inline const struct step *stage_step(const struct stage_run *r)
{
	return &r->plan->steps[r->next];
}

/* The step is over: its layer (NULL: it has none) joins the chain. */
void stage_step_over(struct stage_run *r, struct link *l, struct timespec created);
/* The tree that the step reads: the context, or that of another stage or image, mounted read-only
 * until it is closed. */
int stage_open_source(struct build *b, struct stage_run *r, struct err *err)
	__attribute__((warn_unused_result));
void stage_close_source(struct stage_run *r);

/* Tells the current step, once: before what it does, or its result. */
void stage_tell(struct build *b, struct stage_run *r);

/* stage_cache.c */

bool stage_cache_allowed(const struct build *b, const struct stage_run *r);
/* The key of the step. Not known after: the files of the other stage must be hashed first, a job
 * was started, whose output stage_hashed() takes. */
int stage_find_key(struct build *b, struct stage_run *r, struct err *err)
	__attribute__((warn_unused_result));
/* The tree that a COPY --from reads, as this build's keys have it: what it is made of, unless this
 * build made it. */
struct digest stage_source_key(const struct build *b, const struct step *s);
void stage_hashed(struct build *b, struct stage_run *r, const struct buf *out);
/* What another stage made of the same: two stages that begin alike are one until they part. */
bool stage_share(struct build *b, struct stage_run *r);
/* Another stage is making just this. */
bool stage_made_elsewhere(const struct build *b, const struct stage_run *r);
/* Uses the record of the step's key. ERR_NOT_FOUND: there is none. */
int stage_use_record(struct build *b, struct stage_run *r, struct err *err)
	__attribute__((warn_unused_result));

/* stage_work.c */

/* Starts the step. A RUN needs its mounts first, which may take a job: stage_prepared() goes on
 * after it. */
int stage_start_work(struct build *b, struct stage_run *r, struct err *err)
	__attribute__((warn_unused_result));
int stage_prepared(struct build *b, struct stage_run *r, struct err *err)
	__attribute__((warn_unused_result));
/* The fresh upper and work directories of a step on n lowers. */
int stage_make_upper(struct build *b, struct stage_run *r, const int *lowers, size_t n,
	struct err *err) __attribute__((warn_unused_result));
/* What a RUN says, and what holds for all of them; without a root and without descriptors.
 * r->mounts are ready. env: its environment, to be freed by the caller; all else in *ret is
 * borrowed. */
int stage_run_spec(struct build *b, struct stage_run *r, struct map *env, struct run_spec *ret,
	struct err *err) __attribute__((warn_unused_result));
/* The upper directory in its final form. What COPY and ADD wrote counts as it is. */
int stage_settle(struct build *b, struct stage_run *r, struct err *err)
	__attribute__((warn_unused_result));
/* The step changed what is in upper_fd: it becomes a link that is committed beside what follows.
 * archived: there is nothing in it, all is in r->blob, which is this; or NULL. */
int stage_commit(struct build *b, struct stage_run *r, const struct layer *archived,
	struct err *err) __attribute__((warn_unused_result));
