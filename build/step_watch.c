/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_watch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "build/build.h"
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

static uint64_t free_bytes(int fd)
{
	struct statvfs st;
	return fstatvfs(fd, &st) < 0 ? 0 : (uint64_t)st.f_bfree * st.f_frsize;
}

static uint64_t count(const struct step_watch *w)
{
	uint64_t n = 0;
	for (size_t i = 0; i < w->n_places; i++)
		n += disk_usage_each(w->places[i].dir, ".", FILE_COST);
	return n;
}

static uint64_t count_removed(const struct step_watch *w, const struct sandbox *box)
{
	AUTO_FREE struct removed_fs *fs = xcalloc(w->n_places, sizeof(*fs));
	size_t n = 0;
	for (size_t i = 0; i < w->n_places; i++)
		if (w->places[i].seen)
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
	/* what is removed in between is counted twice rather than not at all */
	uint64_t n = count(c->w) + count_removed(c->w, c->box);
	buf_add(out, &n, sizeof(n));
	return 0;
}

void step_watch_start(struct step_watch *w, const struct build_opts *o)
{
	step_watch_stop(w);
	if (o->step_timeout_ms || o->disk_limit)
		w->begun_ms = w->counted_ms = w->next_ms = clock_ms();
}

void step_watch_place(struct step_watch *w, const struct build_opts *o, int dir, int seen)
{
	struct step_place place = {.dir = dir};
	if (!o->disk_limit)
		return;
	if (!w->n_places) {
		w->free = free_bytes(dir);
		w->room = o->disk_limit;
	}
	w->places = xreallocarray(w->places, w->n_places + 1, sizeof(*w->places));
	place.seen = seen >= 0 && removed_fs_of(seen, &place.fs);
	w->places[w->n_places++] = place;
	w->before += disk_usage_each(dir, ".", FILE_COST);
}

static int over(const struct step_watch *w, const struct build_opts *o, struct err *err)
{
	char used[16], limit[16];
	if (w->used <= o->disk_limit)
		return 0;
	return err_set(err, ERR_LIMIT,
		"killed: it wrote %s, the limit of a step is %s (--disk-limit)",
		num_human_size(w->used, used, sizeof(used)),
		num_human_size(o->disk_limit, limit, sizeof(limit)));
}

static int set_used(struct step_watch *w, const struct build_opts *o, uint64_t n, struct err *err)
{
	w->used = n > w->before ? n - w->before : 0;
	return over(w, o, err);
}

static int check_disk(struct step_watch *w, const struct build_opts *o, struct sandbox *box,
	uint64_t now, struct err *err)
{
	if (w->job.pid) {
		AUTO_BUF struct buf out = BUF_INIT(64);
		uint64_t n;
		int rc = job_collect(&w->job, false, &out, err);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		w->job = (struct job){0};
		w->next_ms = now + PAUSE * (now - w->counted_ms);
		memcpy(&n, out.data, sizeof(n));
		rc = set_used(w, o, n, err);
		w->room = o->disk_limit - (rc < 0 ? 0 : w->used);
		if (rc == 0 && box)
			sandbox_hold(box, false);
		return rc;
	}
	uint64_t left = o->disk_limit - w->used, now_free = free_bytes(w->places[0].dir);
	w->room = now_free + left > w->free ? now_free + left - w->free : 0;
	if (now < w->next_ms || (w->room > 0 && now - w->counted_ms < COUNT_MS))
		return 0;
	w->counted_ms = now;
	w->free = now_free;
	if (w->room == 0 && box)
		sandbox_hold(box, true); /* it could write on while it is counted */
	struct count_work work = {.w = w, .box = box};
	return job_start(&w->job, count_job, &work, err);
}

int step_watch_timeout(const struct step_watch *w, const struct build_opts *o)
{
	if (!w->begun_ms)
		return -1;
	uint64_t now = clock_ms();
	if (w->job.pid)
		return LOOK_MS; /* its end is waited for */
	if (w->n_places) {
		uint64_t ms = now < w->next_ms ? w->next_ms - now : w->room / RATE + 1;
		return ms < LOOK_MS ? (int)ms : LOOK_MS;
	}
	uint64_t end = w->begun_ms + o->step_timeout_ms;
	return now >= end ? 0 : end - now > INT32_MAX ? INT32_MAX : (int)(end - now);
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
	return !w->n_places ? 0 : check_disk(w, o, box, now, err);
}

int step_watch_end(struct step_watch *w, const struct build_opts *o, struct err *err)
{
	int rc = w->n_places ? set_used(w, o, count(w), err) : 0;
	step_watch_stop(w);
	return rc;
}

void step_watch_stop(struct step_watch *w)
{
	job_cancel(&w->job);
	free(w->places);
	*w = (struct step_watch){0};
}
