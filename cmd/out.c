/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/room.h"
#include "base/url_user.h"
#include "cmd/logsplit.h"
#include "cmd/rawjson.h"
#include "cmd/text.h"
#include "cmd/view.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MIN 20

bool progress_mode_parse(const char *s, enum progress_mode *ret)
{
	static const struct {
		const char *name;
		enum progress_mode mode;
	} modes[] = {
		{"auto", PROGRESS_AUTO},
		{"plain", PROGRESS_PLAIN},
		{"tty", PROGRESS_TTY},
		{"quiet", PROGRESS_QUIET},
		{"rawjson", PROGRESS_RAWJSON},
		{"none", PROGRESS_NONE},
	};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		if (streq(s, modes[i].name)) {
			*ret = modes[i].mode;
			return true;
		}
	}
	return false;
}

void out_init(struct out *o)
{
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");

	*o = (struct out){.out = stdout, .err = stderr};
	o->out_tty = isatty(STDOUT_FILENO);
	o->err_tty = isatty(STDERR_FILENO);
	/* no-color.org: any value but the empty one */
	o->cursor = o->err_tty && !(term && streq(term, "dumb"));
	o->colour = o->cursor && !(no_color && *no_color);
}

int out_log_to(struct out *o, const char *path, const struct platform_list *split, struct err *err)
{
	if (split) {
		FILE *f = logsplit_open(path, split, err);
		if (!f)
			return err->code;
		o->err = f;
	} else {
		AUTO_FD int fd = open(path, LOGFILE_FLAGS, 0600);
		FILE *f = fd < 0 ? NULL : fdopen(fd, "a");
		if (!f)
			return err_sys(err, "option '--logfile': cannot open '%s'", path);
		(void)take_fd(&fd);
		o->err = f;
	}
	o->err_tty = o->cursor = o->colour = false;
	return 0;
}

int out_log_done(struct out *o, struct err *err)
{
	if (o->err == stderr)
		return 0;
	out_progress_done(o);
	int r = 0;
	if (fflush(o->err) != 0 || ferror(o->err)) {
		r = err_sys(err, "option '--logfile'");
		room_tell_of(fileno(o->err), "the log file", err);
	}
	if (fclose(o->err) < 0 && r == 0)
		r = err_sys(err, "option '--logfile'");
	o->err = stderr;
	return r;
}

int out_done(struct out *o, struct err *err)
{
	out_progress_done(o);
	bool failed = fflush(o->out) != 0 || ferror(o->out);
	/* a reader that has seen enough (head) is no failure */
	if (!failed || errno == EPIPE)
		return 0;
	(void)err_sys(err, "cannot write to the standard output");
	room_tell_of(fileno(o->out), "standard output", err);
	return err->code;
}

static void make_room(struct out *o)
{
	if (o->view)
		view_erase(o->view);
}

/* Line by line: there may be very many. */
static void print_clean(FILE *to, const char *text)
{
	for (size_t n; *text; text += n) {
		n = strcspn(text, "\n");
		n += text[n] == '\n';
		AUTO_FREE char *clean = text_clean(text, n, TEXT_LINES);
		(void)fputs(clean, to);
	}
}

void out_printf(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (o->out_tty) {
		AUTO_FREE char *text = xvasprintf(fmt, ap);
		make_room(o);
		print_clean(o->out, text);
	} else {
		(void)vfprintf(o->out, fmt, ap);
	}
	va_end(ap);
}

/* As the log of buildah has a warning. */
static void print_log_line(FILE *to, const char *text)
{
	(void)fputs("level=warning msg=\"", to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', to);
		(void)fputc(*text, to);
	}
	(void)fputs("\"\n", to);
}

enum line_kind { LINE_NOTE, LINE_WARNING };

__attribute__((format(printf, 3, 0))) static void line_to_err(
	struct out *o, enum line_kind kind, const char *fmt, va_list ap)
{
	AUTO_FREE char *said = xvasprintf(fmt, ap), *text = called_hints(said);
	url_user_hide(text, strlen(text));
	if (o->raw) {
		(kind == LINE_NOTE ? rawjson_note : rawjson_warn)(o->raw, text);
		return;
	}
	AUTO_FREE char *clean = text_clean(text, strlen(text), 0);

	make_room(o);
	(void)fflush(o->out);
	if (kind == LINE_WARNING && called_buildah())
		print_log_line(o->err, clean);
	else
		(void)fprintf(
			o->err, "%s%s\n", kind == LINE_WARNING ? "mica: warning: " : "", clean);
}

void out_note(struct out *o, const char *fmt, ...)
{
	va_list ap;

	if (o->quiet)
		return;
	va_start(ap, fmt);
	line_to_err(o, LINE_NOTE, fmt, ap);
	va_end(ap);
}

void out_warn(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_to_err(o, LINE_WARNING, fmt, ap);
	va_end(ap);
}

/* prefix: "" for none */
static void print_error(struct out *o, const char *prefix, const struct err *err)
{
	AUTO_FREE char *text = called_hints(err->msg);
	url_user_hide(text, strlen(text));
	AUTO_FREE char *clean = text_clean(text, strlen(text), TEXT_LINES);
	const char *blank = *prefix ? " " : "";

	make_room(o);
	(void)fflush(o->out);
	if (o->colour)
		(void)fprintf(o->err, "\x1b[31m%s\x1b[0m%s%s\n", prefix, blank, clean);
	else
		(void)fprintf(o->err, "%s%s%s\n", prefix, blank, clean);
}

void out_error(struct out *o, const struct err *err)
{
	print_error(o, called_buildah() ? "Error:" : "mica:", err);
}

void out_earlier_error(struct out *o, const struct err *err)
{
	print_error(o, called_buildah() ? "" : "mica:", err);
}

void out_json(struct out *o, const struct json *j)
{
	AUTO_FREE char *text = json_dump(j, 4);

	out_printf(o, "%s\n", text);
}

unsigned out_width(const struct out *o)
{
	struct winsize w;

	if (ioctl(fileno(o->err), TIOCGWINSZ, &w) < 0 || !w.ws_col)
		return WIDTH_DEFAULT;
	return w.ws_col < WIDTH_MIN ? WIDTH_MIN : w.ws_col;
}
