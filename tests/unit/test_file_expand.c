/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/data/expand/NAME.test: lines of "word => result" with the variables below; a result "error:
 * TEXT" is the message of a failure behind "failed to process '...': ". A first line "# escape=`"
 * changes the escape character.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/file_expand.h"

#define FOLDER "tests/data/expand"
#define TEST_MAX (64 * KIB)

static void fill(struct map *env)
{
	map_set(env, "x", "foobarbaz");
	map_set(env, "e", "");
	map_set(env, "s", "/usr/local/lib/file.tar.gz");
	map_set(env, "d", "a.b.c.d");
	map_set(env, "sp", "one two  three");
	map_set(env, "star", "a*b");
	map_set(env, "k", "한국어");
	map_set(env, "lines", "one\ntwo\nthree");
	map_set(env, "bytes", "\xff\xfe.x");
	map_set(env, "declared", NULL);
}

static unsigned check_line(const char *name, const char *line, char escape, const struct map *env)
{
	const char *arrow = strstr(line, " => ");
	assert_non_null(arrow);
	AUTO_FREE char *word = xstrndup(line, (size_t)(arrow - line));
	AUTO_FREE char *got = NULL;
	struct err err = ERR_INIT;
	const char *expected = arrow + 4;
	if (expand_word(word, escape, env, 0, &got, NULL, NULL, &err) < 0) {
		AUTO_FREE char *prefix = xasprintf("failed to process '%s': ", word);
		assert_true(str_has_prefix(err.msg, prefix));
		got = xasprintf("error: %s", err.msg + strlen(prefix));
	}
	if (streq(got, expected))
		return 0;
	printf("%s: %s: expected '%s', got '%s'\n", name, word, expected, got);
	return 1;
}

static void every_case_file_gives_what_it_says(void **state)
{
	(void)state;
	DIR *dir = opendir(FOLDER);
	assert_non_null(dir);
	AUTO_MAP struct map env = MAP_INIT;
	fill(&env);
	unsigned bad = 0, count = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!str_has_suffix(e->d_name, ".test"))
			continue;
		struct err err = ERR_INIT;
		size_t len;
		AUTO_FREE char *text = NULL;
		AUTO_FREE char *path = xasprintf(FOLDER "/%s", e->d_name);
		assert_int_equal(fs_read_file(AT_FDCWD, path, TEST_MAX, &text, &len, &err), 0);
		AUTO_STRV struct strv lines = STRV_INIT;
		strv_split(&lines, text, '\n');
		char escape = str_has_prefix(text, "# escape=`") ? '`' : '\\';
		STRV_FOREACH (line, &lines) {
			if (!**line || **line == '#')
				continue;
			bad += check_line(e->d_name, *line, escape, &env);
			count++;
		}
	}
	closedir(dir);
	assert_true(count > 50);
	assert_int_equal(bad, 0);
}

static char *with_flags(const char *word, int flags)
{
	AUTO_MAP struct map env = MAP_INIT;
	fill(&env);
	struct err err = ERR_INIT;
	char *got = NULL;
	if (expand_word(word, '\\', &env, flags, &got, NULL, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	return got;
}

static void expect(const char *word, int flags, const char *expected)
{
	AUTO_FREE char *got = with_flags(word, flags);
	assert_string_equal(got, expected);
}

static void kept_quotes_still_protect(void **state)
{
	(void)state;
	expect("'$x' \"$x\"", EXPAND_KEEP_QUOTES, "'$x' \"foobarbaz\"");
	expect("''\"\"", EXPAND_KEEP_QUOTES, "''\"\"");
}

static void kept_escapes_still_protect(void **state)
{
	(void)state;
	expect("\\$x \\a", EXPAND_KEEP_ESCAPES, "\\$x \\a");
	expect("${u:-\\$x}", EXPAND_KEEP_ESCAPES, "$x");
}

static void unset_references_stay_when_asked(void **state)
{
	(void)state;
	expect("$u ${u} ${u:-$x} ${u#a} ${u/a/b} ${declared+z} $x", EXPAND_KEEP_UNSET,
		"$u ${u} ${u:-foobarbaz} ${u#a} ${u/a/b} ${declared+z} foobarbaz");
}

static void without_quoting_quotes_are_characters(void **state)
{
	(void)state;
	expect("don't \"$x\" '$x'", EXPAND_NO_QUOTES, "don't \"foobarbaz\" 'foobarbaz'");
}

static void tells_which_names_were_used_and_unset(void **state)
{
	(void)state;
	AUTO_MAP struct map env = MAP_INIT;
	fill(&env);
	AUTO_STRV struct strv used = STRV_INIT;
	AUTO_STRV struct strv unset = STRV_INIT;
	AUTO_FREE char *got = NULL;
	struct err err = ERR_INIT;
	assert_int_equal(expand_word("$x ${u:-$x$e} $v '$sp' \\$d ${declared}", '\\', &env, 0, &got,
				 &used, &unset, &err),
		0);
	AUTO_FREE char *used_text = strv_join(&used, ",");
	AUTO_FREE char *unset_text = strv_join(&unset, ",");
	assert_string_equal(used_text, "x,e,u,v,declared");
	/* with ${u:-...} too, as BuildKit has it */
	assert_string_equal(unset_text, "u,v,declared");
}

static void splits_at_unquoted_blanks_after_expansion(void **state)
{
	(void)state;
	AUTO_MAP struct map env = MAP_INIT;
	fill(&env);
	AUTO_STRV struct strv words = STRV_INIT;
	struct err err = ERR_INIT;
	assert_int_equal(
		expand_words("a$sp \"$sp\" '' b\\ c\t$e ", '\\', &env, 0, &words, &err), 0);
	AUTO_FREE char *got = strv_join(&words, "|");
	assert_string_equal(got, "aone|two|three|one two  three|b c");
	/* after a failure nothing was added */
	assert_int_equal(expand_words("more \"", '\\', &env, 0, &words, &err), ERR_INVALID);
	assert_int_equal(words.n, 5);
}

static char *repeated(const char *s, size_t n, const char *tail)
{
	struct buf b = BUF_INIT(64 * MIB);
	for (size_t i = 0; i < n; i++)
		buf_addstr(&b, s);
	buf_addstr(&b, tail);
	return buf_take(&b);
}

static int limited(const char *word, const char *value)
{
	AUTO_MAP struct map env = MAP_INIT;
	map_set(&env, "a", value);
	AUTO_FREE char *got = NULL;
	struct err err = ERR_INIT;
	return expand_word(word, '\\', &env, 0, &got, NULL, NULL, &err);
}

static void different_names_are_counted(void **state)
{
	(void)state;
	AUTO_MAP struct map env = MAP_INIT;
	AUTO_STRV struct strv used = STRV_INIT;
	AUTO_BUF struct buf word = BUF_INIT(MIB);
	AUTO_FREE char *got = NULL;
	AUTO_FREE char *same = repeated("$a", 20000, "");
	struct err err = ERR_INIT;
	for (int i = 0; i < 1001; i++)
		buf_addf(&word, "$n%d", i);
	assert_int_equal(
		expand_word(buf_str(&word), '\\', &env, 0, &got, &used, NULL, &err), ERR_LIMIT);
	assert_int_equal(limited(same, "x"), 0);
}

static void output_nesting_and_work_are_bounded(void **state)
{
	(void)state;
	AUTO_FREE char *big = repeated("aaaaaaaa", 64 * KIB, "");
	AUTO_FREE char *deep = repeated("${u:-", 5000, "x");
	AUTO_FREE char *nested = repeated("$a${u:-", 50, "");
	AUTO_FREE char *pattern = repeated("a?", 30000, "*b");
	AUTO_FREE char *slow = xasprintf("${a/%s/x}", pattern);
	assert_int_equal(limited("$a", big), 0);
	assert_int_equal(limited("$a$a$a", big), ERR_LIMIT);
	assert_int_equal(limited("${a//a/aaa}", big), ERR_LIMIT);
	assert_int_equal(limited(deep, "x"), ERR_LIMIT);
	assert_int_equal(limited(nested, big), ERR_LIMIT);
	assert_int_equal(limited(slow, big), ERR_LIMIT);
	assert_int_equal(limited("${a/b*/x}", big), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_file_gives_what_it_says),
		cmocka_unit_test(kept_quotes_still_protect),
		cmocka_unit_test(kept_escapes_still_protect),
		cmocka_unit_test(unset_references_stay_when_asked),
		cmocka_unit_test(without_quoting_quotes_are_characters),
		cmocka_unit_test(tells_which_names_were_used_and_unset),
		cmocka_unit_test(splits_at_unquoted_blanks_after_expansion),
		cmocka_unit_test(different_names_are_counted),
		cmocka_unit_test(output_nesting_and_work_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
