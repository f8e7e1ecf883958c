/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the lower floors report what goes on. Only cmd/ knows about terminals. All members may be
 * NULL; call through progress_*(). A task is a thing with a name that takes time: a layer being
 * fetched, a step being built.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct progress {
	/* begins a task; id is unique among the running ones ("sha256:ab12", "2/5 RUN make"); total
	 * 0 when unknown */
	void (*begin)(struct progress *p, const char *id, const char *what, uint64_t total);
	/* so far, in bytes; often called, must be cheap */
	void (*update)(struct progress *p, const char *id, uint64_t done);
	/* bytes that the task printed (a RUN step's output); not line by line */
	void (*log)(struct progress *p, const char *id, const char *data, size_t n);
	/* the same of what it wrote to its standard error, where that is told apart; NULL: log */
	void (*log_error)(struct progress *p, const char *id, const char *data, size_t n);
	/* ends it; how: "done", "cached", "exists", "failed" */
	void (*end)(struct progress *p, const char *id, const char *how);
	/* one line for the user */
	void (*note)(struct progress *p, const char *line);
	/* one line of a log: where tasks are drawn instead, it is not needed */
	void (*say)(struct progress *p, const char *line);
	/* the same of what a build's steps are: the lines around what they print */
	void (*step)(struct progress *p, const char *line);
	/* in a log what the task prints begins with `place`, and what there is to say of it is said
	 * by whoever began it */
	void (*place)(struct progress *p, const char *id, const char *place);
};

static inline void progress_begin(
	struct progress *p, const char *id, const char *what, uint64_t total)
{
	if (p && p->begin)
		p->begin(p, id, what, total);
}
static inline void progress_update(struct progress *p, const char *id, uint64_t done)
{
	if (p && p->update)
		p->update(p, id, done);
}
static inline void progress_log(struct progress *p, const char *id, const char *data, size_t n)
{
	if (p && p->log)
		p->log(p, id, data, n);
}
static inline void progress_log_error(
	struct progress *p, const char *id, const char *data, size_t n)
{
	if (p && p->log_error)
		p->log_error(p, id, data, n);
	else
		progress_log(p, id, data, n);
}
static inline void progress_end(struct progress *p, const char *id, const char *how)
{
	if (p && p->end)
		p->end(p, id, how);
}
static inline void progress_note(struct progress *p, const char *line)
{
	if (p && p->note)
		p->note(p, line);
}
static inline void progress_say(struct progress *p, const char *line)
{
	if (p && p->say)
		p->say(p, line);
}
static inline void progress_step(struct progress *p, const char *line)
{
	if (p && p->step)
		p->step(p, line);
}
static inline void progress_place(struct progress *p, const char *id, const char *place)
{
	if (p && p->place)
		p->place(p, id, place);
}
