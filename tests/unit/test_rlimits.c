/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "run/rlimits.h"
#include "run/spec.h"

#include <sys/resource.h>

static void assert_parses(const char *text, int resource, uint64_t soft, uint64_t hard)
{
	struct run_rlimit l;
	struct err err = ERR_INIT;
	assert_int_equal(rlimit_parse(text, &l, &err), 0);
	assert_int_equal(l.resource, resource);
	assert_int_equal(l.soft, soft);
	assert_int_equal(l.hard, hard);
}

static void parses_names_and_values(void **state)
{
	(void)state;
	assert_parses("nofile=1024", RLIMIT_NOFILE, 1024, 1024);
	assert_parses("nofile=1024:2048", RLIMIT_NOFILE, 1024, 2048);
	assert_parses("CORE=0:-1", RLIMIT_CORE, 0, RLIM_INFINITY);
	assert_parses("memlock=unlimited", RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
}

static void refuses_what_is_not_a_limit(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "nofile", "nofile=", "nofile=a", "nofile=2:1",
		"nofile=1:", "files=1", "nofile=1:2:3", "nofile=-2", "=1", "nofile= 1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct run_rlimit l;
		struct err err = ERR_INIT;
		assert_int_equal(rlimit_parse(bad[i], &l, &err), ERR_INVALID);
	}
}

static void what_is_above_the_hard_limit_is_told_or_lowered(void **state)
{
	(void)state;
	struct rlimit have;
	struct err err = ERR_INIT;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &have), 0);
	/* above fs.nr_open, which nobody may exceed */
	struct run_rlimit much = {
		.resource = RLIMIT_NOFILE, .soft = RLIM_INFINITY, .hard = RLIM_INFINITY};
	const struct run_rlimit last[] = {much, {.resource = RLIMIT_NOFILE, .soft = 5, .hard = 6}};
	assert_int_equal(rlimits_check(last, 2, &err), 0);
	assert_int_equal(rlimits_check(&much, 1, &err), ERR_UNSUPPORTED);
	struct rlimit now;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(now.rlim_max, have.rlim_max);
	assert_int_equal(now.rlim_cur, have.rlim_cur);
	assert_int_equal(rlimits_apply(&much, 1, &err), ERR_SYS);
	assert_true(rlimit_lower(&much));
	assert_false(rlimit_lower(&much));
	assert_int_equal(rlimits_apply(&much, 1, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(now.rlim_max, have.rlim_max);
	assert_int_equal(now.rlim_cur, have.rlim_max);
	const struct run_rlimit few = {.resource = RLIMIT_NOFILE, .soft = 50, .hard = 60};
	assert_int_equal(rlimits_apply(&few, 1, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(now.rlim_cur, 50);
	assert_int_equal(now.rlim_max, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_names_and_values),
		cmocka_unit_test(refuses_what_is_not_a_limit),
		cmocka_unit_test(what_is_above_the_hard_limit_is_told_or_lowered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
