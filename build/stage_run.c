/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stage_run_internal.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "build/input_list.h"
#include "build/inputs.h"
#include "build/leak.h"
#include "build/logfile.h"
#include "build/mount_setup.h"
#include "build/stage_write.h"
#include "build/step_error.h"
#include "build/told.h"
#include "layers/snapshot.h"
#include "run/sandbox.h"
#include "store/store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_BUF (64 * KIB)

void stage_run_init(struct stage_run *r, struct build *b, struct stage_plan *p)
{
	*r = (struct stage_run){.build = b,
		.plan = p,
		.upper_fd = -1,
		.work_fd = -1,
		.source_fd = -1,
		.printed = {-1, BUF_INIT(LEAK_HELD_MAX)},
		.complained = {-1, BUF_INIT(LEAK_HELD_MAX)},
		.blob = TMP_INIT};
	r->results = xcalloc(p->n_steps + 1, sizeof(*r->results));
}

/* The tree of another stage or image is no longer needed; the context belongs to the build. */
void stage_close_source(struct stage_run *r)
{
	if (r->source_fd >= 0)
		filetree_free(r->source);
	r->source = NULL;
	mem_close_p(&r->source_fd);
}

/* False while the base stage is not done. */
static bool start(struct build *b, struct stage_run *r)
{
	const struct stage *st = r->plan->stage;
	if (st->base_stage != NO_STAGE) {
		struct stage_run *base = &b->runs[st->base_stage];
		if (base->state != STAGE_DONE)
			return false;
		chain_copy(&r->chain, &base->chain);
		r->key = base->key;
	} else if (r->plan->base_image != NO_STAGE) {
		const struct image *img = &b->images[r->plan->base_image].image;
		chain_of_image(b, img, &r->chain);
		r->key = image_key(img);
	} else {
		r->key = chain_key_empty();
	}
	r->n_base = r->chain.n;
	r->told_key = st->base_stage != NO_STAGE ? b->runs[st->base_stage].told_key : r->key;
	r->started = true;
	if (told_is_one_of_several(b, st))
		told_from(b, r->plan, r->plan->n_insts);
	return true;
}

void stage_tell(struct build *b, struct stage_run *r)
{
	if (r->id)
		return;
	const struct stage *st = r->plan->stage;
	const struct stage_target *t = build_target_of(b, st);
	char number[24] = "", platform[100] = "";
	if (b->stages.n_targets > 1)
		platform_str(&t->platform, platform);
	if (!st->name && t->end - t->first > 1)
		snprintf(number, sizeof(number), "stage-%zu", st->index - t->first);
	const char *name = st->name ? st->name : number;
	mem_replace(&r->id, xasprintf("%s%s%s%s%zu/%zu", platform, *platform ? " " : "", name,
				    *name ? " " : "", r->next + 1, r->plan->n_steps));
	told_step(b, r);
}

/* The step is over: its layer joins the chain. */
void stage_step_over(struct stage_run *r, struct link *l, struct timespec created)
{
	r->results[r->next] = (struct step_result){.link = l,
		.created = created,
		.ran = l && l->step,
		.miss = r->miss,
		.key = r->step_key,
		.inputs = r->inputs};
	r->miss = MISS_NONE;
	if (l) {
		if (!l->empty)
			chain_add(&r->chain, l);
		r->key = link_key(&r->key, l);
	}
	const struct link told = {.step = stage_step(r), .made_by = r->step_told};
	r->told_key = link_key(&r->told_key, &told);
	r->key_known = false;
	mem_replace(&r->id, NULL);
	r->next++;
}

/* With the key known: shared, from the cache, or started; nothing while another stage is making
 * just this, nor the first RUN before it was looked ahead, when nobody is told of it. */
static int do_step(struct build *b, struct stage_run *r, struct err *err)
{
	struct err miss = ERR_INIT;
	r->state = STAGE_WAITING;
	r->waits = false;
	if (stage_share(b, r)) {
		stage_close_source(r);
		return 0;
	}
	if (stage_made_elsewhere(b, r)) {
		stage_tell(b, r);
		return 0;
	}
	int rc = stage_use_record(b, r, &miss);
	if (rc == 0) {
		stage_close_source(r);
		return 0;
	}
	if (rc != ERR_NOT_FOUND && rc != ERR_CORRUPT) {
		*err = miss;
		return rc;
	}
	if (stage_step(r)->kind == STEP_RUN && !b->looked_ahead) {
		r->waits = true;
		r->miss = MISS_NONE;
		return 0;
	}
	stage_tell(b, r);
	r->state = STAGE_BUSY;
	return stage_start_work(b, r, err);
}

/* Whether the stages that the current step takes files from are done. */
static bool sources_done(const struct build *b, const struct stage_run *r)
{
	const struct step *s = stage_step(r);
	if (s->kind == STEP_COPY && s->from == COPY_FROM_STAGE &&
		b->runs[s->from_stage].state != STAGE_DONE)
		return false;
	return mounts_ready(b, s);
}

int stage_run_advance(struct build *b, struct stage_run *r, struct err *err)
{
	if (r->state != STAGE_WAITING || (!r->started && !start(b, r)))
		return 0;
	while (r->state == STAGE_WAITING && r->next < r->plan->n_steps) {
		size_t before = r->next;
		int rc = 0;
		if (!r->key_known) {
			if (!sources_done(b, r))
				return 0;
			if (stage_step(r)->kind != STEP_RUN)
				stage_tell(b, r);
			rc = stage_find_key(b, r, err);
		}
		if (rc == 0 && r->key_known)
			rc = do_step(b, r, err);
		if (rc < 0) {
			stage_tell(b, r);
			return step_error(b, r, NULL, err);
		}
		if (r->state == STAGE_WAITING && r->next == before)
			return 0; /* held, or another stage is at it */
	}
	if (r->state == STAGE_WAITING) {
		told_rest(b, r);
		r->state = STAGE_DONE;
	}
	return 0;
}

/* end: no more follows */
static void note_output(struct build *b, struct stage_run *r, struct step_stream *from,
	const char *text, size_t n, bool end)
{
	AUTO_BUF struct buf masked = BUF_INIT(n + LEAK_HELD_MAX);
	if (leak_masks(&b->secrets)) {
		leak_mask(&b->secrets, &from->held, text, n, end, &masked);
		text = buf_str(&masked);
		n = masked.len;
	}
	if (!n)
		return;
	if (from == &r->complained)
		progress_log_error(b->o->progress, r->id, text, n);
	else
		progress_log(b->o->progress, r->id, text, n);
	logfile_add(b->log, r->id, text, n);
}

static void take_some_output(
	struct build *b, struct stage_run *r, struct step_stream *from, bool to_end)
{
	char buf[OUTPUT_BUF];
	for (;;) {
		struct pollfd p = {.fd = from->fd, .events = POLLIN};
		if (from->fd < 0 || poll(&p, 1, 0) <= 0)
			return;
		ssize_t n = read(from->fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(take_fd(&from->fd));
			return;
		}
		note_output(b, r, from, buf, (size_t)n, false);
		if (!to_end)
			return;
	}
}

static void take_output(struct build *b, struct stage_run *r, bool to_end)
{
	struct step_stream *const all[] = {&r->printed, &r->complained};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		take_some_output(b, r, all[i], to_end);
		if (!to_end)
			continue;
		note_output(b, r, all[i], "", 0, true);
		mem_close_p(&all[i]->fd);
	}
}

static int handle_sandbox(struct build *b, struct stage_run *r, struct err *err)
{
	struct pollfd p = {.fd = sandbox_pidfd(r->box), .events = POLLIN};
	if (poll(&p, 1, 0) <= 0) {
		take_output(b, r, false);
		return 0;
	}
	struct sandbox_result result;
	int rc = sandbox_wait(take(r->box), &result, err);
	if (rc == 0 && result.left_running)
		txn_left_running(b->txn);
	r->uid = rc < 0 ? 0 : result.uid;
	r->gid = rc < 0 ? 0 : result.gid;
	take_output(b, r, true);
	bool failed = rc == 0 && (result.status != 0 || result.oom_killed);
	if (failed)
		rc = snapshot_outlived(r->work_fd, err);
	if (rc < 0)
		return step_error(b, r, NULL, err);
	if (failed)
		return step_error(b, r, &result, err);
	if (step_watch_end(&r->watch, err) < 0 || stage_commit(b, r, NULL, err) < 0)
		return step_error(b, r, NULL, err);
	return 0;
}

/* The job at work has ended well. */
static int job_done(struct build *b, struct stage_run *r, const struct buf *out, struct err *err)
{
	if (r->hashing) {
		stage_hashed(b, r, out);
		return do_step(b, r, err);
	}
	if (r->preparing)
		return stage_prepared(b, r, err);
	struct stage_written w;
	size_t said = stage_written_read(out, &w);
	note_output(b, r, &r->printed, out->data + said, out->len - said, true);
	return stage_commit(b, r, w.archived ? &w.layer : NULL, err);
}

static void kill_box(struct build *b, struct stage_run *r)
{
	struct sandbox_result result = {0};
	struct err err = ERR_INIT;
	if (!r->box)
		return;
	sandbox_kill(r->box);
	if (sandbox_wait(take(r->box), &result, &err) < 0)
		log_debug("sandbox: %s", err.msg);
	if (result.left_running)
		txn_left_running(b->txn);
}

int stage_run_end(struct build *b, struct stage_run *r, struct err *err)
{
	step_watch_stop(&r->watch);
	job_cancel(&r->job);
	kill_box(b, r);
	take_output(b, r, true);
	return step_error(b, r, NULL, err);
}

int stage_run_handle(struct build *b, struct stage_run *r, struct err *err)
{
	if (r->state != STAGE_BUSY)
		return 0;
	if (step_watch_check(&r->watch, b->o, r->box, err) < 0)
		return stage_run_end(b, r, err);
	if (r->box)
		return handle_sandbox(b, r, err);
	AUTO_BUF struct buf out = BUF_INIT(WRITTEN_MAX);
	int rc = job_collect(&r->job, false, &out, err);
	if (rc == 1)
		return 0;
	if (rc == 0)
		rc = job_done(b, r, &out, err);
	return rc < 0 ? step_error(b, r, NULL, err) : 0;
}

void stage_run_stop(struct build *b, struct stage_run *r)
{
	step_watch_stop(&r->watch);
	kill_box(b, r);
	job_cancel(&r->job);
}

void stage_run_done(struct build *b, struct stage_run *r)
{
	stage_run_stop(b, r);
	stage_close_source(r);
	mem_close_p(&r->printed.fd);
	mem_close_p(&r->complained.fd);
	mount_setup_free(r->mounts);
	mem_close_p(&r->upper_fd);
	mem_close_p(&r->work_fd);
	tmp_done(&r->blob);
	buf_done(&r->printed.held);
	buf_done(&r->complained.held);
	free(r->upper_name);
	free(r->work_name);
	strv_done(&r->leftovers);
	free(r->id);
	free(r->results);
	chain_done(&r->chain);
}
