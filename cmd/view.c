/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drawing progress. The live lines are always drawn as whole lines with the cursor left below them,
 * and the cursor is never hidden: whatever kills us, the terminal is in order. A redraw goes up by
 * the number of lines drawn before and is one write.
 */
#include "cmd/view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/strv.h"
#include "cmd/out.h"
#include "cmd/rawjson.h"
#include "cmd/text.h"

#define TAIL_LINES 20 /* of a failed task's output */
#define LINE_MAX_BYTES 4096 /* longer lines of output are broken here */
#define LIVE_MAX 12 /* live lines; more tasks are counted in one more line */
#define LOG_COLUMNS_MIN 12 /* less than this of a line says nothing */
#define RESULT_COLUMNS 18 /* "  failed 12m03s", "  123 MB  3.2s" */
#define FRAME_MAX (256 * KIB)
#define LINES_MAX (64 * KIB) /* plain lines are written when there are so many of them */

struct task {
	char *id, *what;
	uint64_t total, done; /* bytes, 0 unknown */
	uint64_t start_ms;
	bool announced; /* plain: its name was printed */
	char *place; /* plain: what its lines begin with, see base/progress.h; NULL: its id */
	struct buf line; /* the line of output that is not complete yet */
	bool carriage; /* a '\r' came: the next byte starts the line anew, see line_anew() */
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

/* --- writing --------------------------------------------------------------------------------- */

static const char *sgr(const struct out_view *v, const char *code)
{
	return v->out->colour ? code : "";
}
#define DIM(v) sgr(v, "\x1b[2m")
#define RED(v) sgr(v, "\x1b[31m")
#define CYAN(v) sgr(v, "\x1b[36m")
#define PLAIN(v) sgr(v, "\x1b[0m")

static void put_to(FILE *to, struct out_view *v, const struct buf *b)
{
	(void)fflush(v->out->out);
	(void)fwrite(buf_str(b), 1, b->len, to);
	(void)fflush(to);
}

static void put(struct out_view *v, const struct buf *b)
{
	put_to(v->out->err, v, b);
}

/* A step that prints a million short lines is not made to wait for a million writes. */
static void put_lines(struct out_view *v)
{
	if (v->lines.len)
		put_to(v->lines_to, v, &v->lines);
	buf_clear(&v->lines);
}

/* The lines that follow are a build's steps, or something else. */
static void set_lines(struct out_view *v, bool steps)
{
	FILE *to = steps && v->out->steps_out ? v->out->out : v->out->err;
	if (to != v->lines_to)
		put_lines(v);
	v->lines_to = to;
}

static void add_line(struct out_view *v, const struct task *t, const char *text)
{
	set_lines(v, t->place);
	if (t->place)
		buf_addf(&v->lines, "%s%s\n", t->place, text);
	else
		buf_addf(&v->lines, "[%s] %s\n", t->id, text);
	if (v->lines.len >= LINES_MAX)
		put_lines(v);
}

void view_erase(struct out_view *v)
{
	if (!v->drawn)
		return;
	(void)fprintf(v->out->err, "\x1b[%uA\r\x1b[J", v->drawn);
	v->drawn = 0;
	v->drawn_ms = 0;
}

/* At most `columns` columns of s, and how many those were. */
static size_t add_cut(struct buf *b, const char *s, size_t columns)
{
	AUTO_FREE char *cut = xstrndup(s, text_fit(s, columns));

	buf_addstr(b, cut);
	return text_width(cut);
}

static void add_numbers(struct buf *b, const struct task *t, uint64_t now)
{
	char num[TEXT_NUM_MAX];
	uint64_t ms = now - t->start_ms;

	if (t->done || t->total) {
		buf_addf(b, "  %s", text_size(t->done, num));
		if (t->total)
			buf_addf(b, " / %s", text_size(t->total, num));
		/* a rate over less than this says nothing */
		if (ms >= 500)
			buf_addf(b, "  %s/s", text_size(t->done * 1000 / ms, num));
	}
	buf_addf(b, "  %s", text_duration(ms, num));
}

static const char *last_line(const struct task *t)
{
	if (t->line.len && !t->carriage)
		return buf_str(&t->line);
	return t->tail.n ? t->tail.v[t->tail.n - 1] : "";
}

static void add_live_line(
	const struct out_view *v, struct buf *b, const struct task *t, uint64_t now, size_t columns)
{
	AUTO_BUF struct buf numbers = BUF_INIT(4 * TEXT_NUM_MAX);
	AUTO_FREE char *name = xasprintf("[%s] %s", t->id, t->what);

	add_numbers(&numbers, t, now);
	if (numbers.len > columns / 2)
		buf_clear(&numbers); /* a narrow window shows the name */
	const char *raw = last_line(t);
	/* what a task prints is worth half of the line */
	size_t used = add_cut(b, name, *raw ? columns / 2 : columns - numbers.len);
	buf_addstr(b, buf_str(&numbers));
	used += numbers.len;
	if (*raw && used + LOG_COLUMNS_MIN < columns) {
		AUTO_FREE char *text = text_clean(raw, strlen(raw), TEXT_STRIP);
		for (char *c = text; *c; c++)
			if (*c == '\t')
				*c = ' ';
		buf_addf(b, "  %s", DIM(v));
		(void)add_cut(b, text, columns - used - 2);
		buf_addstr(b, PLAIN(v));
	}
	buf_addstr(b, "\x1b[K\n");
}

static void draw(struct out_view *v)
{
	AUTO_BUF struct buf b = BUF_INIT(FRAME_MAX);
	size_t columns = out_width(v->out) - 1; /* the last column would wrap on some terminals */
	struct winsize w;
	size_t room = LIVE_MAX;
	unsigned lines = 0;

	if (ioctl(fileno(v->out->err), TIOCGWINSZ, &w) == 0 && w.ws_row)
		room = w.ws_row <= 3 ? 1 : w.ws_row - 2U < LIVE_MAX ? w.ws_row - 2U : LIVE_MAX;
	v->drawn_ms = clock_ms();
	if (v->drawn)
		buf_addf(&b, "\x1b[%uA\r", v->drawn);
	for (size_t i = 0; i < v->n_tasks && lines < room; i++, lines++)
		add_live_line(v, &b, v->tasks[i], v->drawn_ms, columns);
	if (v->n_tasks > room) {
		buf_addf(&b, "and %zu more\x1b[K\n", v->n_tasks - room);
		lines++;
	}
	if (lines < v->drawn)
		buf_addstr(&b, "\x1b[J");
	v->drawn = lines;
	put(v, &b);
}

static void draw_if_due(struct out_view *v)
{
	if (v->mode == PROGRESS_TTY && clock_ms() - v->drawn_ms >= OUT_TICK_MS)
		draw(v);
}

/* --- tasks ----------------------------------------------------------------------------------- */

static struct task *task_find(const struct out_view *v, const char *id, size_t *ret_at)
{
	for (size_t i = 0; i < v->n_tasks; i++) {
		if (streq(v->tasks[i]->id, id)) {
			if (ret_at)
				*ret_at = i;
			return v->tasks[i];
		}
	}
	return NULL;
}

static void task_free(struct task *t)
{
	free(t->id);
	free(t->what);
	free(t->place);
	buf_done(&t->line);
	strv_done(&t->tail);
	free(t);
}

static char *clean_name(const char *s)
{
	return text_clean(s, strlen(s), 0);
}

static void on_begin(struct progress *p, const char *id, const char *what, uint64_t total)
{
	struct out_view *v = (struct out_view *)p;
	struct task *t = xcalloc(1, sizeof(*t));

	t->id = clean_name(id);
	t->what = clean_name(what ? what : "");
	t->total = total;
	t->start_ms = clock_ms();
	buf_init(&t->line, LINE_MAX_BYTES + 1);
	v->tasks = xreallocarray(v->tasks, v->n_tasks + 1, sizeof(struct task *));
	v->tasks[v->n_tasks++] = t;
	draw_if_due(v);
}

/* Plain lines name a task when there is something to say of it, so that one that is over at once
 * takes one line. */
static void announce(struct out_view *v, struct task *t)
{
	if (v->mode != PROGRESS_PLAIN || t->announced || t->place)
		return;
	t->announced = true;
	add_line(v, t, t->what);
}

static void add_said(struct out_view *v, bool step, const char *line)
{
	AUTO_FREE char *clean = clean_name(line);

	if (v->mode != PROGRESS_PLAIN)
		return;
	set_lines(v, step);
	buf_addf(&v->lines, "%s\n", clean);
	put_lines(v);
}

static void on_say(struct progress *p, const char *line)
{
	add_said((struct out_view *)p, false, line);
}

static void on_step(struct progress *p, const char *line)
{
	add_said((struct out_view *)p, true, line);
}

static void on_place(struct progress *p, const char *id, const char *place)
{
	struct task *t = task_find((struct out_view *)p, id, NULL);

	if (t)
		mem_replace(&t->place, clean_name(place));
}

static void on_update(struct progress *p, const char *id, uint64_t done)
{
	struct out_view *v = (struct out_view *)p;
	struct task *t = task_find(v, id, NULL);

	if (t)
		t->done = done;
	draw_if_due(v);
}

static void line_complete(struct out_view *v, struct task *t)
{
	AUTO_FREE char *text = text_clean(buf_str(&t->line), t->line.len, TEXT_STRIP);

	buf_clear(&t->line);
	t->carriage = false;
	if (v->mode == PROGRESS_PLAIN) {
		announce(v, t);
		add_line(v, t, text);
		return; /* it has been shown, no tail is needed */
	}
	if (t->tail.n == TAIL_LINES)
		strv_remove(&t->tail, 0);
	strv_add_take(&t->tail, take(text));
}

/* After a '\r' that no '\n' follows: programs that draw their own progress start the line anew. In
 * a log nothing that was printed is lost. */
static void line_anew(struct out_view *v, struct task *t)
{
	if (v->mode == PROGRESS_PLAIN && t->line.len)
		line_complete(v, t);
	buf_clear(&t->line);
}

static void on_log(struct progress *p, const char *id, const char *data, size_t n)
{
	struct out_view *v = (struct out_view *)p;
	struct task *t = task_find(v, id, NULL);

	if (!t)
		return;
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			line_complete(v, t);
			continue;
		}
		if (t->carriage)
			line_anew(v, t);
		t->carriage = data[i] == '\r';
		if (t->carriage)
			continue;
		buf_addch(&t->line, data[i]);
		if (t->line.len >= LINE_MAX_BYTES)
			line_complete(v, t);
	}
	put_lines(v);
	draw_if_due(v);
}

/* What was here already took none; "done", "uploaded" and "failed" did. */
static bool took_time(const char *how)
{
	return !streq(how, "cached") && !streq(how, "exists");
}

/* One line for a task that is over, and what it printed last when it failed. */
static void add_finished(
	const struct out_view *v, struct buf *b, const struct task *t, const char *how)
{
	char num[TEXT_NUM_MAX];
	bool failed = streq(how, "failed"), done = !failed && took_time(how);

	(void)text_duration(clock_ms() - t->start_ms, num);
	AUTO_FREE char *name = xasprintf("[%s] %s", t->id, t->what);
	buf_addstr(b, failed ? RED(v) : "");
	if (v->mode == PROGRESS_TTY)
		(void)add_cut(b, name, out_width(v->out) - RESULT_COLUMNS);
	else
		buf_addstr(b, name);
	buf_addstr(b, failed ? PLAIN(v) : "");
	if (done && (t->total || t->done)) {
		char size[TEXT_NUM_MAX];
		buf_addf(b, "  %s", text_size(t->total ? t->total : t->done, size));
	}
	if (done)
		buf_addf(b, "  %s%s%s%s%s\n", DIM(v), streq(how, "done") ? "" : how,
			streq(how, "done") ? "" : " ", num, PLAIN(v));
	else if (failed)
		buf_addf(b, "  %sfailed%s %s\n", RED(v), PLAIN(v), num);
	else
		buf_addf(b, "  %s%s%s\n", CYAN(v), how, PLAIN(v));
	if (failed) {
		STRV_FOREACH (line, &t->tail)
			buf_addf(b, "  | %s\n", *line);
	}
}

static void on_end(struct progress *p, const char *id, const char *how)
{
	struct out_view *v = (struct out_view *)p;
	size_t at = 0;
	struct task *t = task_find(v, id, &at);
	bool failed = streq(how, "failed");

	if (!t)
		return;
	if (t->line.len)
		line_complete(v, t);
	if (v->mode == PROGRESS_TTY)
		view_erase(v);
	if (v->mode == PROGRESS_PLAIN)
		put_lines(v);
	if (v->mode == PROGRESS_PLAIN && !t->place) {
		char num[TEXT_NUM_MAX];
		(void)text_duration(clock_ms() - t->start_ms, num);
		bool timed = took_time(how);
		(void)fprintf(v->out->err, "[%s] %s%s%s%s%s\n", t->id, t->announced ? "" : t->what,
			t->announced ? "" : "  ", how, timed ? " " : "", timed ? num : "");
	} else if (v->mode == PROGRESS_TTY || (failed && v->mode == PROGRESS_QUIET)) {
		AUTO_BUF struct buf b = BUF_INIT(FRAME_MAX);
		add_finished(v, &b, t, how);
		put(v, &b);
	}
	task_free(t);
	memmove(v->tasks + at, v->tasks + at + 1, (v->n_tasks - at - 1) * sizeof(struct task *));
	v->n_tasks--;
	if (v->mode == PROGRESS_TTY && v->n_tasks)
		draw(v);
}

static void on_note(struct progress *p, const char *line)
{
	struct out_view *v = (struct out_view *)p;

	if (v->mode != PROGRESS_QUIET)
		out_note(v->out, "%s", line);
}

/* --- for the callers of out.h ---------------------------------------------------------------- */

struct progress *out_progress(struct out *o, enum progress_mode mode)
{
	out_progress_done(o);
	if (mode == PROGRESS_AUTO)
		mode = o->quiet                                     ? PROGRESS_QUIET
		       : o->cursor && (o->out_tty || !o->steps_out) ? PROGRESS_TTY
		                                                    : PROGRESS_PLAIN;
	if (mode == PROGRESS_NONE)
		return NULL;
	if (mode == PROGRESS_RAWJSON) {
		o->raw = rawjson_new(o);
		return rawjson_progress(o->raw);
	}
	struct out_view *v = xcalloc(1, sizeof(*v));
	v->progress = (struct progress){
		on_begin, on_update, on_log, on_end, on_note, on_say, on_step, on_place};
	v->out = o;
	v->lines_to = o->err;
	v->mode = mode;
	buf_init(&v->lines, LINES_MAX + FRAME_MAX);
	o->view = v;
	return &v->progress;
}

int out_progress_tick(struct out *o)
{
	struct out_view *v = o->view;

	for (size_t i = 0; v && i < v->n_tasks; i++)
		announce(v, v->tasks[i]);
	if (v)
		put_lines(v);
	if (!v || v->mode != PROGRESS_TTY || !v->n_tasks)
		return -1;
	draw_if_due(v);
	uint64_t since = clock_ms() - v->drawn_ms;
	return since >= OUT_TICK_MS ? 0 : (int)(OUT_TICK_MS - since);
}

void out_progress_done(struct out *o)
{
	struct out_view *v = o->view;

	rawjson_free(o->raw);
	o->raw = NULL;
	if (!v)
		return;
	view_erase(v);
	for (size_t i = 0; i < v->n_tasks; i++)
		task_free(v->tasks[i]);
	free(v->tasks);
	buf_done(&v->lines);
	o->view = NULL;
	free(v);
}
