/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_watch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "build/build.h"
#include "build/deadline.h"
#include "run/sandbox.h"
#include "store/disk_usage.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define LOOK_MS 50 /* how often at least the file system is asked: a microsecond's work */
#define RATE (4 * MIB) /* bytes: more than that is written in a millisecond by nobody */
#define COUNT_MS 1000 /* how often the files are counted even if it lost nothing */
#define FILE_COST 1024 /* an empty file is an inode and a name all the same */
#define PAUSE 4 /* between counts, times what a count takes */

/* An empty file takes none of the blocks that are told: it takes an inode that was there. */
static uint64_t taken_bytes(int fd)
{
	struct statvfs st;
	if (fstatvfs(fd, &st) < 0)
		return 0;
	uint64_t files = st.f_files > st.f_ffree ? st.f_files - st.f_ffree : 0;
	return (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize + files * FILE_COST;
}

static bool is_of(
	const struct step_watch *w, const struct step_place *p, const struct step_budget *b)
{
	return &w->budgets[p->budget] == b;
}

/* An empty file is something on the way to an image; of a cache it counts what the mount takes. */
static uint64_t size_of(const struct step_budget *b, int dir)
{
	return disk_usage_each(dir, ".", b->cache ? 0 : FILE_COST);
}

static uint64_t count(const struct step_watch *w, const struct step_budget *b)
{
	uint64_t n = 0;
	for (size_t i = 0; i < w->n_places; i++)
		if (is_of(w, &w->places[i], b))
			n += size_of(b, w->places[i].dir);
	return n;
}

static uint64_t count_removed(
	const struct step_watch *w, const struct step_budget *b, const struct sandbox *box)
{
	AUTO_FREE struct removed_fs *fs = xcalloc(w->n_places, sizeof(*fs));
	size_t n = 0;
	for (size_t i = 0; i < w->n_places; i++)
		if (w->places[i].seen && is_of(w, &w->places[i], b))
			fs[n++] = w->places[i].fs;
	return box ? sandbox_removed(box, fs, n) : 0;
}

struct count_work {
	const struct step_watch *w;
	const struct sandbox *box;
};

static int count_job(void *arg, struct buf *out, struct err *err)
{
	const struct count_work *c = arg;
	(void)err;
	for (size_t i = 0; i < c->w->n_budgets; i++) {
		const struct step_budget *b = &c->w->budgets[i];
		/* what is removed in between is counted twice rather than not at all */
		uint64_t n = count(c->w, b) + count_removed(c->w, b, c->box);
		buf_add(out, &n, sizeof(n));
	}
	return 0;
}

void step_watch_start(struct step_watch *w)
{
	step_watch_stop(w);
	w->begun_ms = w->counted_ms = w->next_ms = clock_ms();
}

/* That of all that the step writes, or of a cache mount. */
static struct step_budget *budget_of(struct step_watch *w, const char *cache, uint64_t limit)
{
	struct step_budget *b;
	for (size_t i = 0; !cache && i < w->n_budgets; i++)
		if (!w->budgets[i].cache)
			return &w->budgets[i];
	w->budgets = xreallocarray(w->budgets, w->n_budgets + 1, sizeof(*b));
	b = &w->budgets[w->n_budgets++];
	*b = (struct step_budget){.cache = cache ? xstrdup(cache) : NULL, .limit = limit};
	return b;
}

static uint64_t left(const struct step_watch *w)
{
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < w->n_budgets; i++) {
		const struct step_budget *b = &w->budgets[i];
		uint64_t n = b->limit > b->used ? b->limit - b->used : 0;
		least = n < least ? n : least;
	}
	return least;
}

static void add_place(struct step_watch *w, struct step_budget *b, int dir, int seen)
{
	struct step_place place = {.dir = dir, .budget = (size_t)(b - w->budgets)};
	if (!w->n_places)
		w->taken = taken_bytes(dir);
	w->places = xreallocarray(w->places, w->n_places + 1, sizeof(*w->places));
	place.seen = seen >= 0 && removed_fs_of(seen, &place.fs);
	w->places[w->n_places++] = place;
	b->before += size_of(b, dir);
	w->room = left(w);
}

void step_watch_place(struct step_watch *w, const struct build_opts *o, int dir, int seen)
{
	if (o->disk_limit)
		add_place(w, budget_of(w, NULL, o->disk_limit), dir, seen);
}

void step_watch_cache(struct step_watch *w, const char *id, uint64_t limit, int dir)
{
	add_place(w, budget_of(w, id, limit), dir, dir);
}

static int set_used(struct step_budget *b, uint64_t n, struct err *err)
{
	char used[16], limit[16];
	b->used = n > b->before ? n - b->before : 0;
	if (b->used <= b->limit)
		return 0;
	num_human_size(b->used, used, sizeof(used));
	num_human_size(b->limit, limit, sizeof(limit));
	if (b->cache)
		return err_set(err, ERR_LIMIT,
			"killed: it wrote %s to the cache mount '%s', whose limit is %s: see 'mica "
			"cache limit'",
			used, b->cache, limit);
	return err_set(err, ERR_LIMIT,
		"killed: it wrote %s, the limit of a step is %s (--disk-limit)", used, limit);
}

/* What count_job() has found. */
static int take_counts(struct step_watch *w, const struct buf *counts, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < w->n_budgets; i++) {
		uint64_t n;
		memcpy(&n, counts->data + i * sizeof(n), sizeof(n));
		rc = set_used(&w->budgets[i], n, err);
	}
	return rc;
}

static int check_disk(struct step_watch *w, struct sandbox *box, uint64_t now, struct err *err)
{
	if (w->job.pid) {
		AUTO_BUF struct buf out = BUF_INIT(w->n_budgets * sizeof(uint64_t));
		int rc = job_collect(&w->job, false, &out, err);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		w->job = (struct job){0};
		w->next_ms = now + PAUSE * (now - w->counted_ms);
		rc = take_counts(w, &out, err);
		w->room = left(w);
		if (rc == 0 && box)
			sandbox_hold(box, false);
		return rc;
	}
	uint64_t taken = taken_bytes(w->places[0].dir), full = w->taken + left(w);
	w->room = full > taken ? full - taken : 0;
	if (now < w->next_ms || (w->room > 0 && now - w->counted_ms < COUNT_MS))
		return 0;
	w->counted_ms = now;
	w->taken = taken;
	if (w->room == 0 && box)
		sandbox_hold(box, true); /* it could write on while it is counted */
	struct count_work work = {.w = w, .box = box};
	return job_start(&w->job, count_job, &work, err);
}

int step_watch_timeout(const struct step_watch *w, const struct build_opts *o)
{
	if (!w->begun_ms || (!w->n_places && !o->step_timeout_ms))
		return -1;
	uint64_t now = clock_ms();
	if (w->job.pid)
		return LOOK_MS; /* its end is waited for */
	if (w->n_places) {
		uint64_t ms = now < w->next_ms ? w->next_ms - now : w->room / RATE + 1;
		return ms < LOOK_MS ? (int)ms : LOOK_MS;
	}
	return deadline_left(w->begun_ms + o->step_timeout_ms);
}

int step_watch_check(
	struct step_watch *w, const struct build_opts *o, struct sandbox *box, struct err *err)
{
	uint64_t now = clock_ms();
	if (!w->begun_ms)
		return 0;
	if (o->step_timeout_ms && now - w->begun_ms >= o->step_timeout_ms)
		return err_set(err, ERR_LIMIT,
			"killed: it took longer than %.3g s (--step-timeout)",
			(double)o->step_timeout_ms / 1000);
	return !w->n_places ? 0 : check_disk(w, box, now, err);
}

int step_watch_end(struct step_watch *w, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < w->n_budgets; i++)
		rc = set_used(&w->budgets[i], count(w, &w->budgets[i]), err);
	step_watch_stop(w);
	return rc;
}

void step_watch_stop(struct step_watch *w)
{
	job_cancel(&w->job);
	for (size_t i = 0; i < w->n_budgets; i++)
		free(w->budgets[i].cache);
	free(w->budgets);
	free(w->places);
	*w = (struct step_watch){0};
}
