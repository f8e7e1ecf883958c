/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/unit.h"

#include "base/mem.h"
#include "build/chmod.h"

static mode_t apply(const char *text, mode_t mode)
{
	struct chmod c;
	if (!chmod_parse(text, &c))
		fail_msg("'%s' is refused", text);
	return chmod_apply(&c, mode);
}

static void sets_octal_modes_whatever_was_there(void **state)
{
	(void)state;
	assert_int_equal(apply("755", S_IFREG | 0600), 0755);
	assert_int_equal(apply("0", S_IFREG | 0777), 0);
	assert_int_equal(apply("04711", S_IFDIR | 0700), 04711);
}

static void changes_what_a_symbolic_mode_names(void **state)
{
	(void)state;
	assert_int_equal(apply("u+x", S_IFREG | 0644), 0744);
	assert_int_equal(apply("go-r", S_IFREG | 0644), 0600);
	assert_int_equal(apply("a=r", S_IFREG | 0777), 0444);
	assert_int_equal(apply("+x", S_IFREG | 0600), 0711);
	assert_int_equal(apply("g=u", S_IFREG | 0700), 0770);
	assert_int_equal(apply("u+s", S_IFREG | 0755), 04755);
	assert_int_equal(apply("+t", S_IFDIR | 0777), 01777);
	assert_int_equal(apply("u=rw,g=r,o=", S_IFREG | 0777), 0640);
}

static void gives_x_where_it_makes_sense_with_capital_x(void **state)
{
	(void)state;
	assert_int_equal(apply("u=rwX,go=rX", S_IFREG | 0600), 0644);
	assert_int_equal(apply("u=rwX,go=rX", S_IFREG | 0700), 0755);
	assert_int_equal(apply("u=rwX,go=rX", S_IFDIR | 0600), 0755);
}

/* All of these were seen from BuildKit. */
static void follows_the_bsd_rules_for_the_rare_letters(void **state)
{
	static const struct {
		const char *text;
		mode_t before, after;
	} cases[] = {
		{"u=rwx", S_IFREG | 04711, 0711},
		{"u=", S_IFDIR | 06755, 02055},
		{"go=", S_IFREG | 07777, 05700},
		{"a=", S_IFREG | 07777, 01000},
		{"o=s", S_IFREG | 0644, 0640},
		{"=s", S_IFREG | 0644, 06000},
		{"u=t", S_IFDIR | 06755, 03055},
		{"o=t", S_IFREG | 02755, 02750},
		{"=t", S_IFDIR | 0700, 01700},
		{"u-t", S_IFDIR | 01777, 0777},
		{"o-t", S_IFDIR | 01777, 01777},
		{"ug+st", S_IFREG | 0600, 07600},
		{"a=X", S_IFREG | 0644, 0},
		{"a=X", S_IFREG | 02755, 0111},
		{"a-x+X", S_IFREG | 04711, 04711},
		{"a+x-X", S_IFREG | 0644, 0644},
		{"u=gx", S_IFREG | 0644, 0144},
		{"u=ug", S_IFREG | 04711, 04111},
		{"u=rw,g=u", S_IFDIR | 06755, 02665},
		{"u=o", S_IFREG | 04711, 04111},
		{"u==r", S_IFREG | 0755, 0455},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		mode_t got = apply(cases[i].text, cases[i].before);
		if (got != cases[i].after)
			fail_msg("%s of %o: %o, not %o", cases[i].text, cases[i].before, got,
				cases[i].after);
	}
}

static void makes_directories_by_octal_modes_only(void **state)
{
	struct chmod c;
	(void)state;
	assert_true(chmod_parse("7750", &c));
	assert_int_equal(chmod_new_dir(&c), 0750);
	assert_true(chmod_parse("a=", &c));
	assert_int_equal(chmod_new_dir(&c), 0755);
}

static void refuses_what_is_not_a_mode(void **state)
{
	static const char *const bad[] = {
		"", "rwx", "10000", "888", "u", "u+y", "u+x,", ",u+x", "u+x go-r", "-1"};
	struct chmod c;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (chmod_parse(bad[i], &c))
			fail_msg("'%s' is taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_octal_modes_whatever_was_there),
		cmocka_unit_test(changes_what_a_symbolic_mode_names),
		cmocka_unit_test(gives_x_where_it_makes_sense_with_capital_x),
		cmocka_unit_test(follows_the_bsd_rules_for_the_rare_letters),
		cmocka_unit_test(makes_directories_by_octal_modes_only),
		cmocka_unit_test(refuses_what_is_not_a_mode),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
