/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/shell_words.h"
#include "base/strv.h"

static void check(const char *text, const char *joined)
{
	AUTO_STRV struct strv words = STRV_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(shell_words(text, &words, &err), 0);
	AUTO_FREE char *got = strv_join(&words, "|");
	assert_string_equal(got, joined);
}

static void words_end_at_blanks_outside_of_quotes(void **state)
{
	(void)state;
	check("", "");
	check("  a\tb\n c ", "a|b|c");
	check("a 'b c' d\\ e", "a|b c|d e");
	check("'it'\"s\"", "its");
	check("\"a 'b'\" 'c \"d\"'", "a 'b'|c \"d\"");
	check("'' \"\"", "|");
	check("'a\\b' \"a\\\"b\"", "a\\b|a\"b");
}

static void what_is_not_closed_is_an_error(void **state)
{
	static const char *const bad[] = {"'a", "a \"b", "a\\", "\"a\\"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_STRV struct strv words = STRV_INIT;
		struct err err = ERR_INIT;
		assert_int_equal(shell_words(bad[i], &words, &err), ERR_INVALID);
	}
}

static void variables_are_expanded_and_nothing_else(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		{"$a/${b}c", "A/Bc"},
		{"$a$b", "AB"},
		{"$none.${none}", "."},
		{"$ab_1", ""},
		{"100$", "100$"},
		{"$ $- ${", "$ $- ${"},
		{"${a", "${a"},
		{"${a:-b}", "${a:-b}"},
		{"\\$a", "\\A"},
		{"$1x", "x"},
	};
	AUTO_MAP struct map vars = MAP_INIT;

	(void)state;
	map_set(&vars, "a", "A");
	map_set(&vars, "b", "B");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *got = shell_expand(cases[i].text, &vars);
		assert_string_equal(got, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_end_at_blanks_outside_of_quotes),
		cmocka_unit_test(what_is_not_closed_is_an_error),
		cmocka_unit_test(variables_are_expanded_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
