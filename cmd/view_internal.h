/* SPDX-License-Identifier: Apache-2.0 */
/* The progress view: view.c has the tasks, view_draw.c what is seen of them. */
#pragma once
#include "base/buf.h"
#include "base/progress.h"
#include "base/strv.h"
#include "cmd/out.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FRAME_MAX (256 * KIB)
#define LINES_MAX (64 * KIB) /* plain lines are written when there are so many of them */

/* What a task prints, or what it writes to standard error where that is told apart. */
struct task_stream {
	struct buf line; /* the one that is not complete yet */
	bool carriage; /* a '\r' came: the next byte starts the line anew, see line_anew() */
};

struct task {
	char *id, *what;
	uint64_t total, done; /* bytes, 0 unknown */
	uint64_t start_ms;
	bool announced; /* plain: its name was printed */
	char *place; /* plain: what its lines begin with, see base/progress.h; NULL: its id */
	struct task_stream printed, complained;
	struct strv tail; /* the last lines, oldest first */
};

struct out_view {
	struct progress progress; /* first: the callbacks get a pointer to it */
	struct out *out;
	enum progress_mode mode;
	struct task **tasks;
	size_t n_tasks;
	struct buf lines; /* plain: what is complete and not written yet */
	FILE *lines_to;
	unsigned drawn; /* live lines on the screen */
	uint64_t drawn_ms;
};

/* To standard error, at once. */
void view_put(struct out_view *v, const struct buf *b);
/* Plain lines: adds one of a task, and writes what was added. from: NULL: it is about the task. */
void view_add_line(
	struct out_view *v, const struct task *t, const struct task_stream *from, const char *text);
void view_put_lines(struct out_view *v);
/* The lines that follow are a build's steps, or something else. */
void view_set_lines(struct out_view *v, bool steps);

/* The live lines, anew. */
void view_draw(struct out_view *v);
void view_draw_if_due(struct out_view *v);
/* What was here already took none; "done", "uploaded" and "failed" did. */
bool view_took_time(const char *how);
/* One line for a task that is over, and what it printed last when it failed. */
void view_add_finished(
	const struct out_view *v, struct buf *b, const struct task *t, const char *how);
