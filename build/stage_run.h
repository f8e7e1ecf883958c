/* SPDX-License-Identifier: Apache-2.0 */
/* A stage being carried out: one step at a time, each either known from the cache or done in a
 * sandbox or a job. Driven by the executor's loop. */
#pragma once
#include "base/buf.h"
#include "base/tmp.h"
#include "build/build_internal.h"
#include "build/chain.h"
#include "build/step_watch.h"

struct mount_setup;
struct sandbox;

enum run_state {
	STAGE_WAITING, /* for its base stage, or for a stage that it copies from */
	STAGE_BUSY, /* a sandbox or a job is at work */
	STAGE_DONE,
};

/* Why a step was not answered from the cache. */
enum cache_miss {
	MISS_NONE, /* it was, or it was not asked */
	MISS_NO_RECORD,
	MISS_NO_CACHE,
	MISS_FILTER, /* --no-cache-filter */
	MISS_OLD, /* --cache-ttl */
	MISS_LAYER, /* of a record that is there */
	MISS_STDIN, /* --stdin: nobody knows what it would read */
};

struct step_result {
	struct link *link; /* NULL: cached and without a layer */
	struct timespec created;
	bool ran; /* in this build, by this stage or one that it shares the step with */
	enum cache_miss miss;
	struct digest key; /* of its record, when it was answered from it */
	struct digest inputs;
};

/* What a step prints. */
struct step_stream {
	int fd;
	struct buf held; /* of that, what may be the beginning of a secret: leak.h */
};

struct stage_run {
	struct build *build; /* for jobs */
	struct stage_plan *plan;
	enum run_state state;
	size_t next; /* step to do, or being done */
	size_t told; /* instructions that a log has, see told.h */
	struct chain chain; /* without what is known to have changed nothing */
	size_t n_base; /* links of it that were there before the stage's steps */
	struct digest key; /* of the chain, in this build (chain.h) */
	struct digest told_key; /* of its steps, the same whether they ran or were cached */
	struct step_result *results; /* one for each step that is over */
	bool started;

	/* the step at work */
	char *id; /* for progress: "web 2/5" */
	bool waits; /* a RUN that is to be carried out, until ahead_check() has been */
	bool key_known; /* step_key and inputs are those of the current step */
	struct digest step_key, inputs;
	struct digest step_told; /* what a log has for it */
	enum cache_miss miss; /* MISS_NONE: it was not begun */
	char *upper_name, *work_name;
	int upper_fd, work_fd;
	struct strv leftovers; /* of the steps before, in the transaction: nobody needs them */
	struct tmp blob; /* of a COPY that may be archived as it is read: stage_write.h */
	struct sandbox *box;
	struct step_stream printed, complained; /* the second: build_opts.errors_apart */
	struct job job; /* copy, workdir, or the hashing of a stage's files */
	bool hashing;
	struct mount_setup *mounts; /* of a RUN */
	bool preparing; /* the job makes them ready */
	struct filetree *source; /* of the job */
	int source_fd;
	struct timespec begun;
	uid_t uid; /* who the RUN was */
	gid_t gid;
	struct step_watch watch;
};

void stage_run_init(struct stage_run *r, struct build *b, struct stage_plan *p);
/* Goes on as far as it can without waiting: cached steps, then the start of the next one that is
 * not. */
int stage_run_advance(struct build *b, struct stage_run *r, struct err *err)
	__attribute__((warn_unused_result));
/* Something of it is readable: takes what there is; when the step is over, its result. */
int stage_run_handle(struct build *b, struct stage_run *r, struct err *err)
	__attribute__((warn_unused_result));
/* Of the directories that its steps needed, what goes fast; the rest goes with the transaction. */
void stage_remove_leftovers(struct stage_run *r);
/* Kills what is at work for the reason in err, which is told with its place from then on. */
int stage_run_end(struct build *b, struct stage_run *r, struct err *err);
/* Kills what is at work. */
void stage_run_stop(struct build *b, struct stage_run *r);
void stage_run_done(struct build *b, struct stage_run *r);
