/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drawing progress. The live lines are always drawn as whole lines with the cursor left below them,
 * and the cursor is never hidden: whatever kills us, the terminal is in order. A redraw goes up by
 * the number of lines drawn before and is one write.
 */
#include "cmd/view_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/text.h"
#include "cmd/view.h"

#define LIVE_MAX 12 /* live lines; more tasks are counted in one more line */
#define LOG_COLUMNS_MIN 12 /* less than this of a line says nothing */
#define RESULT_COLUMNS 18 /* "  failed 12m03s", "  123 MB  3.2s" */

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

void view_put(struct out_view *v, const struct buf *b)
{
	put_to(v->out->err, v, b);
}

/* A step that prints a million short lines is not made to wait for a million writes. */
void view_put_lines(struct out_view *v)
{
	if (v->lines.len)
		put_to(v->lines_to, v, &v->lines);
	buf_clear(&v->lines);
}

void view_set_lines(struct out_view *v, bool steps)
{
	FILE *to = steps && v->out->steps_out ? v->out->out : v->out->err;
	if (to != v->lines_to)
		view_put_lines(v);
	v->lines_to = to;
}

void view_add_line(
	struct out_view *v, const struct task *t, const struct task_stream *from, const char *text)
{
	view_set_lines(v, t->place && from != &t->complained);
	if (t->place)
		buf_addf(&v->lines, "%s%s\n", t->place, text);
	else
		buf_addf(&v->lines, "[%s] %s\n", t->id, text);
	if (v->lines.len >= LINES_MAX)
		view_put_lines(v);
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
	if (t->printed.line.len && !t->printed.carriage)
		return buf_str(&t->printed.line);
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

void view_draw(struct out_view *v)
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
	view_put(v, &b);
}

void view_draw_if_due(struct out_view *v)
{
	if (v->mode == PROGRESS_TTY && clock_ms() - v->drawn_ms >= OUT_TICK_MS)
		view_draw(v);
}

bool view_took_time(const char *how)
{
	return !streq(how, "cached") && !streq(how, "exists");
}

void view_add_finished(
	const struct out_view *v, struct buf *b, const struct task *t, const char *how)
{
	char num[TEXT_NUM_MAX];
	bool failed = streq(how, "failed"), done = !failed && view_took_time(how);

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
