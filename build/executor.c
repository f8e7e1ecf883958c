/* SPDX-License-Identifier: Apache-2.0 */
#include "build/executor.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "build/ahead.h"
#include "build/chain.h"
#include "build/deadline.h"
#include "build/explain.h"
#include "build/on_error.h"
#include "build/stage_run.h"
#include "build/step_error.h"
#include "build/step_record.h"
#include "run/sandbox.h"
#include "store/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool stage_needed(const struct build *b, size_t i)
{
	return b->plans[i].evaluated;
}

static unsigned count_busy(const struct build *b)
{
	unsigned n = 0;
	for (size_t i = 0; i < b->stages.n; i++)
		n += stage_needed(b, i) && b->runs[i].state == STAGE_BUSY;
	return n;
}

/* Lets every stage go on that can; again while one of them became done, since others may wait for
 * it. */
static int advance_all(struct build *b, unsigned jobs, struct err *err)
{
	bool again = true;
	while (again) {
		again = false;
		for (size_t i = 0; i < b->stages.n; i++) {
			struct stage_run *r = &b->runs[i];
			if (!stage_needed(b, i) || r->state != STAGE_WAITING ||
				count_busy(b) >= jobs)
				continue;
			if (stage_run_advance(b, r, err) < 0)
				return err->code;
			if (jobs == 1 && r->waits)
				return 0;
			again = again || r->state == STAGE_DONE;
		}
	}
	return 0;
}

static bool run_waits(const struct build *b)
{
	for (size_t i = 0; i < b->stages.n; i++)
		if (stage_needed(b, i) && b->runs[i].waits)
			return true;
	return false;
}

/* Files that are here are being copied: what is wrong with them is told before the first RUN. */
static bool is_copying(const struct build *b)
{
	for (size_t i = 0; i < b->stages.n; i++) {
		const struct stage_run *r = &b->runs[i];
		if (stage_needed(b, i) && r->state == STAGE_BUSY &&
			!r->plan->steps[r->next].n_remote)
			return true;
	}
	return false;
}

/* As far as it goes without waiting. One job at a time does the steps in their order. */
static int go_on(struct build *b, unsigned jobs, struct err *err)
{
	if (advance_all(b, jobs, err) < 0)
		return err->code;
	if (b->looked_ahead || !run_waits(b) || (jobs > 1 && is_copying(b)))
		return 0;
	if (ahead_check(b, err) < 0)
		return err->code;
	b->looked_ahead = true;
	return advance_all(b, jobs, err);
}

static bool all_done(const struct build *b)
{
	for (size_t i = 0; i < b->stages.n; i++)
		if (stage_needed(b, i) && b->runs[i].state != STAGE_DONE)
			return false;
	for (size_t i = 0; i < b->n_links; i++)
		if (!b->links[i]->committed || !(b->links[i]->recorded || b->links[i]->unsure))
			return false;
	return true;
}

static int finish_commits(struct build *b, bool wait, struct err *err)
{
	for (size_t i = 0; i < b->n_links; i++) {
		struct link *l = b->links[i];
		if (!l->committed && link_commit_finish(b, l, wait, err) < 0)
			return commit_error(b, l->step, err);
	}
	return 0;
}

/* What nobody waits for: its time is while the steps are at work. */
static int tidy(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->stages.n; i++)
		stage_remove_leftovers(&b->runs[i]);
	return records_flush(b, err);
}

struct polls {
	struct pollfd *p;
	size_t n, cap;
};

static void watch(struct polls *w, int fd)
{
	if (fd < 0)
		return;
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->p = xreallocarray(w->p, w->cap, sizeof(*w->p));
	}
	w->p[w->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void watch_all(const struct build *b, struct polls *w)
{
	for (size_t i = 0; i < b->stages.n; i++) {
		const struct stage_run *r = &b->runs[i];
		if (!stage_needed(b, i) || r->state != STAGE_BUSY)
			continue;
		watch(w, r->box ? sandbox_pidfd(r->box) : r->job.fd);
		watch(w, r->printed.fd);
		watch(w, r->complained.fd);
		watch(w, r->watch.job.pid ? r->watch.job.fd : -1);
	}
	for (size_t i = 0; i < b->n_links; i++)
		if (!b->links[i]->committed)
			watch(w, b->links[i]->job.fd);
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Milliseconds until something has to be looked at, -1: not by itself. */
static int patience(const struct build *b)
{
	int ms = b->o->tick ? b->o->tick(b->o->tick_arg) : -1;
	for (size_t i = 0; i < b->stages.n; i++)
		if (stage_needed(b, i) && b->runs[i].state == STAGE_BUSY)
			ms = sooner(ms, step_watch_timeout(&b->runs[i].watch, b->o));
	for (size_t i = 0; i < b->n_links; i++)
		if (!b->links[i]->committed)
			ms = sooner(ms, deadline_left(b->links[i]->job.end_ms));
	return sooner(ms, deadline_left(b->o->deadline_ms));
}

/* The whole build's time; where it was says what took it. */
static int check_deadline(struct build *b, struct err *err)
{
	if (deadline_check(b->o, err) == 0)
		return 0;
	for (size_t i = 0; i < b->stages.n; i++)
		if (stage_needed(b, i) && b->runs[i].state == STAGE_BUSY)
			return stage_run_end(b, &b->runs[i], err);
	return err->code;
}

static int wait_for_news(struct build *b, int signals, struct err *err)
{
	struct polls w = {0};
	watch(&w, signals);
	watch_all(b, &w);
	int n = poll(w.p, w.n, patience(b));
	bool signalled = n > 0 && w.p[0].revents;
	free(w.p);
	if (n < 0 && errno != EINTR)
		return err_sys(err, "cannot wait for the steps");
	struct signalfd_siginfo si;
	if (signalled && read(signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		const char *name = sigabbrev_np((int)si.ssi_signo);
		(void)err_set(err, ERR_CANCELLED, "interrupted by SIG%s", name ? name : "?");
		err->sys = (int)si.ssi_signo;
		return err->code;
	}
	return 0;
}

/* The images need all of their layers. */
static int finish_steps(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->stages.n_targets; i++)
		if (remote_cache_fetch(b, &b->runs[b->stages.targets[i].stage].chain, err) < 0)
			return err->code;
	return notes_flush(b, err);
}

static int loop(struct build *b, int signals, struct err *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned jobs = b->o->jobs ? b->o->jobs : cores > 0 ? (unsigned)cores : 1;
	for (;;) {
		if (go_on(b, jobs, err) < 0 || tidy(b, err) < 0)
			return err->code;
		if (all_done(b))
			return finish_steps(b, err);
		if (wait_for_news(b, signals, err) < 0 || check_deadline(b, err) < 0)
			return err->code;
		for (size_t i = 0; i < b->stages.n; i++)
			if (stage_needed(b, i) && stage_run_handle(b, &b->runs[i], err) < 0)
				return err->code;
		if (finish_commits(b, false, err) < 0)
			return err->code;
	}
}

/* What was done before a step failed is kept for the next build; of the step itself, what the
 * options say. */
static void keep_what_is_done(struct build *b)
{
	struct err err = ERR_INIT, signal = ERR_INIT;
	for (size_t i = 0; b->failed && b->o->on_error != ON_ERROR_DROP && i < b->stages.n; i++)
		stage_run_stop(b, &b->runs[i]);
	if (finish_commits(b, true, &err) < 0 || records_flush(b, &err) < 0)
		log_debug("commit: %s", err.msg);
	/* by who has been told why it failed; a terminal's ^C is for the jobs, too, whose end may
	 * be seen first */
	bool hurry = (err.code == ERR_CANCELLED && err.sys) || proc_interrupted(&signal) < 0;
	if (hurry)
		txn_hurry(b->txn);
	err_clear(&err);
	if (!hurry && on_error(b, &err) < 0)
		strv_addf(&b->result->warnings, "option '--on-error': %s", err.msg);
}

int executor_run(struct build *b, struct err *err)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	if (!proc_ignores(SIGHUP))
		sigaddset(&set, SIGHUP);
	AUTO_FD int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return err_sys(err, "cannot watch signals");
	b->looked_ahead = false;
	b->runs = xcalloc(b->stages.n, sizeof(*b->runs));
	for (size_t i = 0; i < b->stages.n; i++)
		stage_run_init(&b->runs[i], b, &b->plans[i]);
	sigprocmask(SIG_BLOCK, &set, &old);
	int rc = loop(b, signals, err);
	if (rc == ERR_CANCELLED)
		txn_hurry(b->txn);
	else if (rc < 0)
		keep_what_is_done(b);
	if (rc != ERR_CANCELLED && !b->cache_failed)
		explain_steps(b);
	if (rc < 0) {
		for (size_t i = 0; i < b->stages.n; i++)
			stage_run_done(b, &b->runs[i]);
		free(b->runs);
		b->runs = NULL;
		b->failed = NULL;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return rc;
}
