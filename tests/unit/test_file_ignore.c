/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/data/ignore/NAME.test: an ignore file, a line "===", then one path a line with what is
 * expected before it: "keep", "drop", or "walk" for a directory that is dropped but may hold
 * exceptions.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/file_ignore.h"

#define FOLDER "tests/data/ignore"
#define TEST_MAX (64 * KIB)

static unsigned run_case(const char *name)
{
	struct err err = ERR_INIT;
	size_t len;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *path = xasprintf(FOLDER "/%s", name);
	assert_int_equal(fs_read_file(AT_FDCWD, path, TEST_MAX, &text, &len, &err), 0);
	char *expected = strstr(text, "===\n");
	assert_non_null(expected);
	struct ignore *ig = NULL;
	if (ignore_parse(name, text, (size_t)(expected - text), &ig, &err) < 0)
		fail_msg("%s", err.msg);
	unsigned bad = 0;
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, expected + 4, '\n');
	STRV_FOREACH (line, &lines) {
		if (!**line)
			continue;
		assert_true(strlen(*line) > 5);
		bool below;
		const char *got = !ignore_match(ig, *line + 5, &below, NULL) ? "keep"
		                  : below                                    ? "walk"
		                                                             : "drop";
		if (strncmp(got, *line, 4) != 0) {
			printf("%s: '%s', got %s\n", name, *line, got);
			bad++;
		}
	}
	ignore_free(ig);
	return bad;
}

static void every_case_file_gives_what_it_says(void **state)
{
	(void)state;
	DIR *dir = opendir(FOLDER);
	assert_non_null(dir);
	unsigned bad = 0, count = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!str_has_suffix(e->d_name, ".test"))
			continue;
		bad += run_case(e->d_name);
		count++;
	}
	closedir(dir);
	assert_true(count > 5);
	assert_int_equal(bad, 0);
}

static struct ignore *parsed(const char *text)
{
	struct err err = ERR_INIT;
	struct ignore *ig = NULL;
	assert_int_equal(ignore_parse(".dockerignore", text, strlen(text), &ig, &err), 0);
	return ig;
}

static void names_the_line_that_decides(void **state)
{
	(void)state;
	struct ignore *ig = parsed("# comment\n\n*.md\n!README.md\n");
	unsigned line;
	assert_true(ignore_match(ig, "x.md", NULL, &line));
	assert_int_equal(line, 3);
	assert_false(ignore_match(ig, "README.md", NULL, &line));
	assert_int_equal(line, 4);
	assert_false(ignore_match(ig, "x", NULL, &line));
	assert_int_equal(line, 0);
	ignore_free(ig);
}

static void never_ignores_the_root(void **state)
{
	(void)state;
	struct ignore *ig = parsed("*\n**\n.\n");
	assert_false(ignore_match(ig, "", NULL, NULL));
	assert_false(ignore_match(ig, ".", NULL, NULL));
	assert_true(ignore_match(ig, "a", NULL, NULL));
	ignore_free(ig);
}

static void an_empty_file_ignores_nothing(void **state)
{
	(void)state;
	struct ignore *ig = parsed("\xef\xbb\xbf# only\n \n");
	assert_true(ignore_is_empty(ig));
	assert_false(ignore_match(ig, "a", NULL, NULL));
	ignore_free(ig);
}

static void refuses_malformed_patterns_with_the_line(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct ignore *ig = NULL;
	assert_int_equal(ignore_parse("f", "a\n  [b\n", 7, &ig, &err), ERR_INVALID);
	assert_string_equal(err.msg,
		"f:2:3: syntax error in pattern '[b': a '[' wants what it stands for and a ']', a "
		"'\\' something after it; \\[ and \\\\ stand for themselves");
	assert_int_equal(ignore_parse("f", "!\n", 2, &ig, &err), ERR_INVALID);
	assert_string_equal(err.msg,
		"f:1:1: illegal exclusion pattern: '!': name after it what is not to be ignored");
	assert_int_equal(ignore_parse("f", "a\0b\n", 4, &ig, &err), ERR_INVALID);
}

static void refuses_what_is_no_regular_expression(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *why;
	} rows[] = {
		{"[[:nope:]]", "a '[' does not begin a set of characters; \\[ stands for itself"},
		{"[[:alpha:]", "a '[' does not begin a set of characters; \\[ stands for itself"},
		{"[[::]]", "a '[' does not begin a set of characters; \\[ stands for itself"},
		{"[[:^:]]", "a '[' does not begin a set of characters; \\[ stands for itself"},
		{"[[:ALPHA:]]", "a '[' does not begin a set of characters; \\[ stands for itself"},
		{"[\\pL]", "a '[' does not begin a set of characters; \\[ stands for itself"},
		{"[b-?]", "a '[' does not begin a set of characters; \\[ stands for itself"},
		{"\\pL", "'\\p': the classes of Unicode are not known here; write a range"},
		{"a\\E", "'\\E' means nothing here; \\\\ stands for a backslash"},
		{"*{1}", "a '{' counts nothing that can be repeated; \\{ stands for itself"},
		{"a?|{2}", "a '{' counts nothing that can be repeated; \\{ stands for itself"},
		{"?{2}{3}", "a '{' counts nothing that can be repeated; \\{ stands for itself"},
		{"a/**/{2}?", "a '{' counts nothing that can be repeated; \\{ stands for itself"},
		{"?{1001}", "'{1001}' does not count from less to more, up to 1000; \\{ stands for "
			    "itself"},
		{"?{3,2}", "'{3,2}' does not count from less to more, up to 1000; \\{ stands for "
			   "itself"},
		{"?{0,99999999999999999999}",
			"'{0,99999999999999999999}' does not count from less to more, up to 1000; "
			"\\{ stands for itself"},
		{"?{1000}\\Q\\E{1000}\\Q\\E{1000}", "it and those before it repeat too much: give "
						    "fewer, or smaller numbers in '{}'"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = ERR_INIT;
		struct ignore *ig = NULL;
		AUTO_FREE char *expected = xasprintf(
			"f:1:1: syntax error in pattern '%s': %s", rows[i].pattern, rows[i].why);
		assert_true(
			ignore_parse("f", rows[i].pattern, strlen(rows[i].pattern), &ig, &err) < 0);
		assert_string_equal(err.msg, expected);
	}
}

static void takes_patterns_one_by_one(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct ignore *ig = NULL;
	char a[] = "*.o", b[] = "!keep.o";
	char *patterns[] = {a, b};
	assert_int_equal(ignore_from_patterns(patterns, 2, &ig, &err), 0);
	assert_true(ignore_match(ig, "x.o", NULL, NULL));
	assert_false(ignore_match(ig, "keep.o", NULL, NULL));
	assert_false(ignore_match(ig, "d/x.o", NULL, NULL));
	ignore_free(ig);
}

static void the_order_of_questions_does_not_matter(void **state)
{
	(void)state;
	struct ignore *ig = parsed("d\n!d/e\nd/e/k\n");
	for (int i = 0; i < 2; i++) {
		assert_true(ignore_match(ig, "d/a", NULL, NULL));
		assert_false(ignore_match(ig, "d/e/a", NULL, NULL));
		assert_true(ignore_match(ig, "d/e/k", NULL, NULL));
		assert_false(ignore_match(ig, "x/y", NULL, NULL));
	}
	ignore_free(ig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_file_gives_what_it_says),
		cmocka_unit_test(names_the_line_that_decides),
		cmocka_unit_test(never_ignores_the_root),
		cmocka_unit_test(an_empty_file_ignores_nothing),
		cmocka_unit_test(refuses_malformed_patterns_with_the_line),
		cmocka_unit_test(refuses_what_is_no_regular_expression),
		cmocka_unit_test(takes_patterns_one_by_one),
		cmocka_unit_test(the_order_of_questions_does_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
