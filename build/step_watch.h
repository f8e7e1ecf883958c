/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no cgroup limits: how long a step takes, and how much disk.
 *
 * Disk is counted: a job adds up what the files of the step's directories take, as du does. It is
 * started when the file system has lost as much space, or inodes for as many files, since the last
 * count as the step has left, and from time to time in any case. The nearer that is the more often
 * it is looked for, and where the step has a cgroup that can be held it waits for the count. So a
 * step can be over its limit by what is written within milliseconds. Files that it removed while
 * they are open are asked of its processes (sandbox_removed()).
 */
#pragma once
#include "base/job.h"
#include "run/removed.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct build_opts;
struct err;
struct sandbox;

/* What a step may add to some of its directories. */
struct step_budget {
	char *cache; /* the id of the cache mount that it is about, NULL: all that the step writes
	                and that goes with it or becomes a layer (--disk-limit) */
	uint64_t limit;
	uint64_t before; /* bytes in them when the step began */
	uint64_t used; /* bytes, by the last count */
};

/* A directory that a step writes to. */
struct step_place {
	int dir; /* borrowed */
	size_t budget;
	bool seen; /* its files are on fs, as the step sees them; else as those of its root, or
	              not at all */
	struct removed_fs fs;
};

struct step_watch {
	struct step_place *places; /* NULL: its disk is not watched */
	size_t n_places;
	struct step_budget *budgets;
	size_t n_budgets;
	uint64_t begun_ms; /* monotonic, 0: nothing is watched */
	uint64_t taken; /* bytes of the file system when the last count was begun */
	uint64_t room; /* bytes that the file system can lose until the next count */
	uint64_t counted_ms;
	uint64_t next_ms; /* no count before */
	struct job job; /* the count at work, pid 0 none */
};

/* The time is watched from here on. */
void step_watch_start(struct step_watch *w);
/* And a place, once what it begins with is there (layers may have been copied into it) and before
 * the step writes. All are on one file system. seen: a descriptor of what the step sees of it, or
 * -1 as above. */
void step_watch_place(struct step_watch *w, const struct build_opts *o, int dir, int seen);
/* The same of a cache mount's, to which the step may add as much as the mount may take in all: what
 * is more than that cannot be made to fit by emptying it. */
void step_watch_cache(struct step_watch *w, const char *id, uint64_t limit, int dir);
/* Milliseconds until step_watch_check wants to be called, -1: no need. */
int step_watch_timeout(const struct step_watch *w, const struct build_opts *o);
/* box: what runs of the step, or NULL.
 * ERR_LIMIT: the step has to be ended; says which limit it is and by which option. */
int step_watch_check(struct step_watch *w, const struct build_opts *o, struct sandbox *box,
	struct err *err) __attribute__((warn_unused_result));
/* After its last process: counts once more. Errors as above. */
int step_watch_end(struct step_watch *w, struct err *err) __attribute__((warn_unused_result));
void step_watch_stop(struct step_watch *w); /* zero bytes are accepted */
