/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "cmd/out.h"

struct capture {
	struct out out;
	FILE *file;
};

/* A file, not memory: the window size is asked of its descriptor. */
static void capture_open(struct capture *c)
{
	c->file = tmpfile();
	assert_non_null(c->file);
	c->out = (struct out){.out = stdout, .err = c->file};
}

static char *capture_text(struct capture *c)
{
	char *text = xcalloc(1, 65536);

	(void)fflush(c->file);
	rewind(c->file);
	text[fread(text, 1, 65535, c->file)] = '\0';
	(void)fclose(c->file);
	return text;
}

static void plain_lines_say_which_task(void **state)
{
	struct capture c;

	(void)state;
	capture_open(&c);
	struct progress *p = out_progress(&c.out, PROGRESS_AUTO);
	progress_begin(p, "web 1/2", "RUN make", 0);
	progress_log(p, "web 1/2", "cc a.c\ncc b", 11);
	progress_log(p, "web 1/2", ".c\r\n10%\r", 8);
	progress_log(p, "web 1/2", "\r100%\npartial", 13);
	progress_begin(p, "2/2", "COPY . /", 0);
	progress_end(p, "2/2", "cached");
	progress_end(p, "web 1/2", "done");
	assert_int_equal(out_progress_tick(&c.out), -1);
	out_progress_done(&c.out);
	AUTO_FREE char *text = capture_text(&c);
	assert_string_equal(text,
		"[web 1/2] RUN make\n[web 1/2] cc a.c\n[web 1/2] cc b.c\n[web 1/2] 10%\n"
		"[web 1/2] 100%\n"
		"[2/2] COPY . /  cached\n[web 1/2] partial\n[web 1/2] done 0.0s\n");
}

static void what_is_said_replaces_the_lines_of_a_task(void **state)
{
	static const enum progress_mode modes[] = {PROGRESS_PLAIN, PROGRESS_TTY, PROGRESS_QUIET};
	static const char *const said[] = {
		"[1/2] STEP 2/2: RUN \\x1b[2Jmake\n[1/2] cc a.c\n[1/2] last\n[1/2] --> 12ab\n",
		"[web 1/1] RUN make  0.0s\n", ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct capture c;
		capture_open(&c);
		struct progress *p = out_progress(&c.out, modes[i]);
		progress_say(p, "[1/2] STEP 2/2: RUN \x1b[2Jmake");
		progress_begin(p, "web 1/1", "RUN make", 0);
		progress_place(p, "web 1/1", "[1/2] ");
		(void)out_progress_tick(&c.out);
		progress_log(p, "web 1/1", "cc a.c\nlast", 11);
		progress_end(p, "web 1/1", i == 1 ? "done" : i == 0 ? "failed" : "cached");
		progress_say(p, "[1/2] --> 12ab");
		out_progress_done(&c.out);
		AUTO_FREE char *text = capture_text(&c);
		assert_true(str_has_suffix(text, said[i]));
		assert_true(i == 1 || strlen(text) == strlen(said[i]));
	}
}

static void the_log_of_steps_is_on_standard_output_for_who_wants_it_there(void **state)
{
	AUTO_FREE char *seen = NULL;
	size_t n = 0;
	struct capture c;

	(void)state;
	capture_open(&c);
	c.out.out = open_memstream(&seen, &n);
	c.out.steps_out = true;
	struct progress *p = out_progress(&c.out, PROGRESS_PLAIN);
	progress_step(p, "STEP 1/1: RUN make");
	progress_begin(p, "1/1", "RUN make", 0);
	progress_place(p, "1/1", "");
	progress_begin(p, "sha256:ab", "fetch", 0);
	progress_log(p, "1/1", "cc a.c\n", 7);
	progress_log_error(p, "1/1", "warned\nonce", 11);
	progress_log(p, "sha256:ab", "slow\n", 5);
	progress_log(p, "1/1", "cc b.c\n", 7);
	progress_say(p, "Trying to pull");
	progress_end(p, "1/1", "done");
	progress_step(p, "COMMIT");
	out_progress_done(&c.out);
	AUTO_FREE char *text = capture_text(&c);
	assert_int_equal(fclose(c.out.out), 0);
	assert_string_equal(seen, "STEP 1/1: RUN make\ncc a.c\ncc b.c\nCOMMIT\n");
	assert_string_equal(
		text, "warned\n[sha256:ab] fetch\n[sha256:ab] slow\nTrying to pull\nonce\n");
}

static ssize_t count_writes(void *count, const char *data, size_t n)
{
	(void)data;
	++*(unsigned *)count;
	return (ssize_t)n;
}

static void many_short_lines_are_few_writes(void **state)
{
	unsigned writes = 0;
	struct out out = {.out = stdout,
		.err = fopencookie(&writes, "w", (cookie_io_functions_t){.write = count_writes})};
	char lines[20000];

	(void)state;
	assert_non_null(out.err);
	(void)setvbuf(out.err, NULL, _IONBF, 0); /* as standard error is */
	memset(lines, '\n', sizeof(lines));
	struct progress *p = out_progress(&out, PROGRESS_PLAIN);
	progress_begin(p, "1/2", "RUN yes", 0);
	progress_log(p, "1/2", lines, sizeof(lines));
	progress_end(p, "1/2", "done");
	out_progress_done(&out);
	(void)fclose(out.err);
	assert_in_range(writes, 1, 20);
}

static void output_of_tasks_cannot_move_the_cursor(void **state)
{
	struct capture c;

	(void)state;
	capture_open(&c);
	struct progress *p = out_progress(&c.out, PROGRESS_PLAIN);
	progress_begin(p, "1", "RUN \x1b[2Jevil", 0);
	progress_log(p, "1", "\x1b[2J\x1b[31mred\x07\n", 15);
	progress_end(p, "1", "done");
	out_progress_done(&c.out);
	AUTO_FREE char *text = capture_text(&c);
	assert_null(strchr(text, '\x1b'));
	assert_null(strchr(text, '\a'));
	assert_non_null(strstr(text, "[1] red\\x07\n"));
}

static void quiet_shows_only_what_failed_with_its_last_lines(void **state)
{
	struct capture c;

	(void)state;
	capture_open(&c);
	struct progress *p = out_progress(&c.out, PROGRESS_QUIET);
	progress_begin(p, "1/2", "RUN true", 0);
	progress_end(p, "1/2", "done");
	progress_begin(p, "2/2", "RUN false", 0);
	for (int i = 1; i <= 30; i++) {
		char line[16];
		int n = snprintf(line, sizeof(line), "line %d\n", i);
		progress_log(p, "2/2", line, (size_t)n);
	}
	progress_note(p, "a note");
	progress_end(p, "2/2", "failed");
	out_progress_done(&c.out);
	AUTO_FREE char *text = capture_text(&c);
	assert_true(str_has_prefix(text, "[2/2] RUN false  failed 0.0s\n  | line 11\n"));
	assert_true(str_has_suffix(text, "  | line 30\n"));
}

static void live_lines_leave_nothing_behind(void **state)
{
	struct capture c;
	const struct timespec wait = {.tv_nsec = (OUT_TICK_MS + 20) * 1000000L};

	(void)state;
	capture_open(&c);
	struct progress *p = out_progress(&c.out, PROGRESS_TTY);
	progress_begin(p, "sha256:ab12cd", "layer", 2000000);
	progress_update(p, "sha256:ab12cd", 1000000);
	(void)nanosleep(&wait, NULL);
	int ms = out_progress_tick(&c.out);
	assert_in_range(ms, 0, OUT_TICK_MS);
	progress_end(p, "sha256:ab12cd", "done");
	out_progress_done(&c.out);
	AUTO_FREE char *text = capture_text(&c);
	assert_non_null(strstr(text, "[sha256:ab12cd] layer  1 MB / 2 MB"));
	/* one line up, erased, and the summary in its place */
	const char *last = strstr(text, "\x1b[1A\r\x1b[J[sha256:ab12cd] layer  2 MB");
	assert_non_null(last);
	assert_null(strchr(last + 9, '\x1b'));
	assert_null(strstr(text, "\x1b[?25l"));
}

static void errors_are_one_line_and_clean(void **state)
{
	struct capture c;
	struct err err = ERR_INIT;

	(void)state;
	capture_open(&c);
	(void)err_set(&err, ERR_INVALID, "bad \x1b[31m name\n  1 | FROM x");
	out_error(&c.out, &err);
	out_note(&c.out, "two\nlines");
	c.out.quiet = true;
	out_note(&c.out, "unseen");
	AUTO_FREE char *text = capture_text(&c);
	assert_string_equal(text, "mica: bad \\x1b[31m name\n  1 | FROM x\ntwo\\x0alines\n");
}

static void names_are_whole_in_a_pipe_and_harmless_on_a_terminal(void **state)
{
	static const char *const seen[] = {
		"A /a\x1b[2J\xc2\x9b\n\tb\n", "A /a\\x1b[2J\\xc2\\x9b\n\tb\n"};

	(void)state;
	for (int terminal = 0; terminal < 2; terminal++) {
		AUTO_FREE char *text = NULL;
		size_t n = 0;
		struct out out = {.out = open_memstream(&text, &n), .out_tty = terminal};
		out_printf(&out, "A %s\n\tb\n", "/a\x1b[2J\xc2\x9b");
		assert_int_equal(fclose(out.out), 0);
		assert_string_equal(text, seen[terminal]);
	}
}

static void debugging_says_nothing_that_a_terminal_obeys(void **state)
{
	char text[256] = "";

	(void)state;
	FILE *f = tmpfile();
	assert_non_null(f);
	int before = dup(STDERR_FILENO);
	assert_true(before >= 0 && dup2(fileno(f), STDERR_FILENO) >= 0);
	log_enable(true);
	log_debug("%s", "says \x1b[2J\xc2\x9b\xc3\xa9");
	log_enable(false);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	(void)close(before);
	rewind(f);
	(void)!fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	assert_non_null(strstr(text, "says ?[2J??\xc3\xa9\n"));
}

static void knows_the_modes(void **state)
{
	enum progress_mode mode;

	(void)state;
	assert_true(progress_mode_parse("tty", &mode));
	assert_int_equal(mode, PROGRESS_TTY);
	assert_false(progress_mode_parse("fancy", &mode));
	struct out out = {.out = stdout, .err = stderr};
	assert_null(out_progress(&out, PROGRESS_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines_say_which_task),
		cmocka_unit_test(what_is_said_replaces_the_lines_of_a_task),
		cmocka_unit_test(the_log_of_steps_is_on_standard_output_for_who_wants_it_there),
		cmocka_unit_test(many_short_lines_are_few_writes),
		cmocka_unit_test(output_of_tasks_cannot_move_the_cursor),
		cmocka_unit_test(quiet_shows_only_what_failed_with_its_last_lines),
		cmocka_unit_test(live_lines_leave_nothing_behind),
		cmocka_unit_test(errors_are_one_line_and_clean),
		cmocka_unit_test(names_are_whole_in_a_pipe_and_harmless_on_a_terminal),
		cmocka_unit_test(debugging_says_nothing_that_a_terminal_obeys),
		cmocka_unit_test(knows_the_modes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
