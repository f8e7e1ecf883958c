/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks in progress: what is said of them, and to whom. */
#include "cmd/view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/called.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/url_user.h"
#include "cmd/rawjson.h"
#include "cmd/text.h"
#include "cmd/view_internal.h"

#define TAIL_LINES 20 /* of a failed task's output */
#define LINE_MAX_BYTES 4096 /* longer lines of output are broken here */

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
	buf_done(&t->printed.line);
	buf_done(&t->complained.line);
	strv_done(&t->tail);
	free(t);
}

static char *clean_name(const char *s)
{
	AUTO_FREE char *shown = url_user_hidden(s);
	return text_clean(shown, strlen(shown), 0);
}

/* buildah says when it begins with one. */
static bool is_blob(const struct task *t)
{
	return str_has_prefix(t->id, "sha256:") &&
	       (streq(t->what, "push") || streq(t->what, "save") || streq(t->what, "fetch"));
}

static void on_begin(struct progress *p, const char *id, const char *what, uint64_t total)
{
	struct out_view *v = (struct out_view *)p;
	struct task *t = xcalloc(1, sizeof(*t));

	t->id = clean_name(id);
	t->what = clean_name(what ? what : "");
	t->total = total;
	t->start_ms = clock_ms();
	buf_init(&t->printed.line, LINE_MAX_BYTES + 1);
	buf_init(&t->complained.line, LINE_MAX_BYTES + 1);
	v->tasks = xreallocarray(v->tasks, v->n_tasks + 1, sizeof(struct task *));
	v->tasks[v->n_tasks++] = t;
	if (v->mode == PROGRESS_PLAIN && called_buildah() && is_blob(t))
		(void)fprintf(v->out->err, "Copying blob %s\n", t->id);
	view_draw_if_due(v);
}

/* Plain lines name a task when there is something to say of it, so that one that is over at once
 * takes one line. */
static void announce(struct out_view *v, struct task *t)
{
	if (v->mode != PROGRESS_PLAIN || t->announced || t->place)
		return;
	t->announced = true;
	view_add_line(v, t, NULL, t->what);
}

static void add_said(struct out_view *v, bool step, const char *line)
{
	AUTO_FREE char *clean = clean_name(line);

	if (v->mode != PROGRESS_PLAIN)
		return;
	view_set_lines(v, step);
	buf_addf(&v->lines, "%s\n", clean);
	view_put_lines(v);
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
	view_draw_if_due(v);
}

static void line_complete(struct out_view *v, struct task *t, struct task_stream *from)
{
	AUTO_FREE char *text = text_clean(buf_str(&from->line), from->line.len, TEXT_STRIP);

	buf_clear(&from->line);
	from->carriage = false;
	if (v->mode == PROGRESS_PLAIN) {
		announce(v, t);
		view_add_line(v, t, from, text);
		return; /* it has been shown, no tail is needed */
	}
	if (t->tail.n == TAIL_LINES)
		strv_remove(&t->tail, 0);
	strv_add_take(&t->tail, take(text));
}

/* After a '\r' that no '\n' follows: programs that draw their own progress start the line anew. In
 * a log nothing that was printed is lost. */
static void line_anew(struct out_view *v, struct task *t, struct task_stream *from)
{
	if (v->mode == PROGRESS_PLAIN && from->line.len)
		line_complete(v, t, from);
	buf_clear(&from->line);
}

static void add_output(
	struct out_view *v, struct task *t, struct task_stream *from, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			line_complete(v, t, from);
			continue;
		}
		if (from->carriage)
			line_anew(v, t, from);
		from->carriage = data[i] == '\r';
		if (from->carriage)
			continue;
		buf_addch(&from->line, data[i]);
		if (from->line.len >= LINE_MAX_BYTES)
			line_complete(v, t, from);
	}
	view_put_lines(v);
	view_draw_if_due(v);
}

static void on_log(struct progress *p, const char *id, const char *data, size_t n)
{
	struct out_view *v = (struct out_view *)p;
	struct task *t = task_find(v, id, NULL);

	if (t)
		add_output(v, t, &t->printed, data, n);
}

static void on_log_error(struct progress *p, const char *id, const char *data, size_t n)
{
	struct out_view *v = (struct out_view *)p;
	struct task *t = task_find(v, id, NULL);

	if (t)
		add_output(v, t, &t->complained, data, n);
}

static void on_end(struct progress *p, const char *id, const char *how)
{
	struct out_view *v = (struct out_view *)p;
	size_t at = 0;
	struct task *t = task_find(v, id, &at);
	bool failed = streq(how, "failed");

	if (!t)
		return;
	if (t->printed.line.len)
		line_complete(v, t, &t->printed);
	if (t->complained.line.len)
		line_complete(v, t, &t->complained);
	if (v->mode == PROGRESS_TTY)
		view_erase(v);
	if (v->mode == PROGRESS_PLAIN)
		view_put_lines(v);
	if (v->mode == PROGRESS_PLAIN && !t->place) {
		char num[TEXT_NUM_MAX];
		(void)text_duration(clock_ms() - t->start_ms, num);
		bool timed = view_took_time(how);
		(void)fprintf(v->out->err, "[%s] %s%s%s%s%s\n", t->id, t->announced ? "" : t->what,
			t->announced ? "" : "  ", how, timed ? " " : "", timed ? num : "");
	} else if (v->mode == PROGRESS_TTY || (failed && v->mode == PROGRESS_QUIET)) {
		AUTO_BUF struct buf b = BUF_INIT(FRAME_MAX);
		view_add_finished(v, &b, t, how);
		view_put(v, &b);
	}
	task_free(t);
	memmove(v->tasks + at, v->tasks + at + 1, (v->n_tasks - at - 1) * sizeof(struct task *));
	v->n_tasks--;
	if (v->mode == PROGRESS_TTY && v->n_tasks)
		view_draw(v);
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
	v->progress = (struct progress){.begin = on_begin,
		.update = on_update,
		.log = on_log,
		.log_error = on_log_error,
		.end = on_end,
		.note = on_note,
		.say = on_say,
		.step = on_step,
		.place = on_place};
	v->out = o;
	v->lines_to = o->err;
	v->mode = mode;
	buf_init(&v->lines, LINES_MAX + FRAME_MAX);
	o->view = v;
	return &v->progress;
}

/* In one file the lines have an order, which two pipes would not keep. */
bool out_errors_apart(const struct out *o)
{
	struct stat out, err;

	if (!o->view || o->view->mode != PROGRESS_PLAIN || !o->steps_out ||
		fstat(fileno(o->out), &out) < 0 || fstat(fileno(o->err), &err) < 0)
		return false;
	return out.st_dev != err.st_dev || out.st_ino != err.st_ino;
}

int out_progress_tick(struct out *o)
{
	struct out_view *v = o->view;

	for (size_t i = 0; v && i < v->n_tasks; i++)
		announce(v, v->tasks[i]);
	if (v)
		view_put_lines(v);
	if (!v || v->mode != PROGRESS_TTY || !v->n_tasks)
		return -1;
	view_draw_if_due(v);
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
