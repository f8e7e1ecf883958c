/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/unit.h"

#include "base/glob.h"
#include "base/mem.h"

struct match_case {
	const char *pattern;
	const char *name;
	bool match;
};

static void matches_as_gos_filepath_match(void **state)
{
	(void)state;
	/* the table of Go's path/filepath match_test.go covers the same ground */
	static const struct match_case cases[] = {
		{"abc", "abc", true},
		{"*", "abc", true},
		{"*c", "abc", true},
		{"a*", "a", true},
		{"a*", "abc", true},
		{"a*", "ab/c", false},
		{"a*/b", "abc/b", true},
		{"a*/b", "a/c/b", false},
		{"a*b*c*d*e*/f", "axbxcxdxe/f", true},
		{"a*b*c*d*e*/f", "axbxcxdxexxx/f", true},
		{"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false},
		{"a*b?c*x", "abxbbxdbxebxczzx", true},
		{"a*b?c*x", "abxbbxdbxebxczzy", false},
		{"ab[c]", "abc", true},
		{"ab[b-d]", "abc", true},
		{"ab[e-g]", "abc", false},
		{"ab[^c]", "abc", false},
		{"ab[^e-g]", "abc", true},
		{"a\\*b", "a*b", true},
		{"a\\*b", "ab", false},
		{"a?b", "a☺b", true},
		{"a[^a]b", "a☺b", true},
		{"a???b", "a☺b", false},
		{"[a-ζ]*", "α", true},
		{"*[a-ζ]", "A", false},
		{"a?b", "a/b", false},
		{"a*b", "a/b", false},
		{"[\\]a]", "]", true},
		{"[\\-]", "-", true},
		{"[x\\-]", "-", true},
		{"[x\\-]", "z", false},
		{"*x", "xxx", true},
		{"", "", true},
		{"", "a", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (glob_match(cases[i].pattern, cases[i].name) != cases[i].match)
			fail_msg("'%s' on '%s'", cases[i].pattern, cases[i].name);
}

static void tells_malformed_patterns(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (glob_valid(bad[i]))
			fail_msg("'%s'", bad[i]);
	static const char *const good[] = {
		"", "a", "[a]", "[\\]]", "[^a-z]", "]", "a]b", "\\\\", "**/[x]"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!glob_valid(good[i]))
			fail_msg("'%s'", good[i]);
}

static void many_stars_do_not_take_exponential_time(void **state)
{
	(void)state;
	char pattern[201], name[2001];
	for (size_t i = 0; i < 200; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[199] = 'b';
	pattern[200] = '\0';
	memset(name, 'a', 2000);
	name[2000] = '\0';
	assert_false(glob_match(pattern, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_as_gos_filepath_match),
		cmocka_unit_test(tells_malformed_patterns),
		cmocka_unit_test(many_stars_do_not_take_exponential_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
