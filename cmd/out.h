/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where words go. stdout: what one pipes (IDs, JSON, tables). stderr: progress, warnings, errors.
 * Only cmd/ holds one of these.
 *
 * The progress view draws on stderr. On a terminal each running task has one live line at the
 * bottom and finished ones scroll up; into a pipe everything is plain lines. A program that waits
 * in poll(2) calls out_progress_tick() and uses its result as a time-out; everything printed
 * through out_note(), out_error() and out_printf() goes around the live lines.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct err;
struct json;
struct out_view;
struct platform_list;
struct progress;
struct rawjson;

enum progress_mode {
	PROGRESS_AUTO, /* TTY when stderr is a terminal that can move its cursor, and what is to be
	                  on stdout goes to one too, else PLAIN */
	PROGRESS_PLAIN, /* lines: what is said (base/progress.h), and of other tasks
	                   "[sha256:ab12] fetch", "[sha256:ab12] done 3.2s" */
	PROGRESS_TTY, /* live lines, even if stderr is no terminal */
	PROGRESS_QUIET, /* only failed tasks: their name and the last lines of their output */
	PROGRESS_RAWJSON, /* documents, see rawjson.h */
	PROGRESS_NONE, /* nothing at all */
};
/* "auto", "plain", "tty", "quiet", "rawjson", "none" */
bool progress_mode_parse(const char *s, enum progress_mode *ret);

struct out {
	FILE *out, *err;
	bool out_tty, err_tty; /* terminals */
	bool colour; /* on err: a terminal, not TERM=dumb, no NO_COLOR */
	bool cursor; /* err is a terminal whose cursor can be moved */
	bool quiet;
	bool steps_out; /* the log of a build's steps is for stdout; to be set before out_progress() */
	struct out_view *view; /* NULL: no progress being drawn */
	struct rawjson *raw; /* not NULL: progress, notes and warnings are documents */
};

void out_init(struct out *o);
/* What would go to stderr goes to the file (made 0600), until out_log_done(); to be called
 * before out_progress(). split: to one for each platform, see logsplit.h; NULL: not. ERR_SYS */
int out_log_to(struct out *o, const char *path, const struct platform_list *split, struct err *err)
	__attribute__((warn_unused_result));
/* May be called without the other. ERR_SYS when the file could not take everything. */
int out_log_done(struct out *o, struct err *err) __attribute__((warn_unused_result));

/* Ends the view, flushes. ERR_SYS when stdout could not take everything (disk full, not a closed
 * pipe's reader). */
int out_done(struct out *o, struct err *err) __attribute__((warn_unused_result));

/* To stdout, as it is; on a terminal, where names and images could write to it, control bytes are
 * spelt out. */
void out_printf(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One line to stderr, unless quiet. Control bytes are escaped. */
void out_note(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "mica: <message>" to stderr, "Error: <message>" for who is called buildah; further lines of the
 * message (a source excerpt) follow as they are. */
void out_error(struct out *o, const struct err *err);
/* The same of one that others follow; buildah prints those without a prefix. */
void out_earlier_error(struct out *o, const struct err *err);
void out_warn(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* JSON to stdout, indented by 4 as buildah does, with a line end. */
void out_json(struct out *o, const struct json *j);

/* Columns of the terminal on stderr; 80 when unknown. */
unsigned out_width(const struct out *o);

/* Starts drawing and returns what the lower floors report to: borrowed, valid until
 * out_progress_done(). */
struct progress *out_progress(struct out *o, enum progress_mode mode);
/* What a step writes to standard error goes there, and not to where the log of the steps is. */
bool out_errors_apart(const struct out *o);
/* Redraws when due (at most every OUT_TICK_MS). Returns the milliseconds until it wants to be
 * called again, -1: no need (nothing runs, or plain). */
#define OUT_TICK_MS 100
int out_progress_tick(struct out *o);
/* Erases the live lines. May be called twice. */
void out_progress_done(struct out *o);
