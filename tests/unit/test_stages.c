/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/build.h"
#include "build/stages.h"

/* Plans one file; the caller calls stages_done(). */
static int plan(const char *text, const struct build_opts *o, struct stages *ret, struct err *err)
{
	struct containerfile *f = xcalloc(1, sizeof(*f));
	assert_int_equal(containerfile_parse("Containerfile", text, strlen(text), f, err), 0);
	return stages_plan(f, 1, o, &o->platforms, ret, err);
}

static void stages_build_on_one_another_by_name(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct build_opts o;
	struct stages s;
	build_opts_init(&o);
	assert_int_equal(
		plan("FROM a AS Base\nFROM base\nFROM scratch AS last\nENV x=1\nFROM 1\nFROM 9\n",
			&o, &s, &err),
		0);
	assert_int_equal(s.n, 5);
	assert_int_equal(s.s[3].base_stage, 1);
	assert_int_equal(s.s[4].base_stage, NO_STAGE);
	assert_string_equal(s.s[0].name, "base");
	assert_int_equal(s.s[1].base_stage, 0);
	assert_true(s.s[2].scratch);
	assert_int_equal(s.s[2].n_insts, 1);
	assert_int_equal(s.targets[0].stage, 4);
	assert_int_equal(stages_find(&s, 0, "1", s.n), 1);
	assert_int_equal(stages_find(&s, 0, "LAST", s.n), 2);
	assert_int_equal(stages_find(&s, 0, "5", s.n), NO_STAGE);
	assert_int_equal(stages_find(&s, 0, "last", 2), NO_STAGE);
	stages_done(&s);
	build_opts_done(&o);
}

static void global_arguments_choose_the_base(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct build_opts o;
	struct stages s;
	static const char text[] = "ARG v=1\nARG img=base:$v\nFROM $img-${TARGETARCH:+x}\n";
	build_opts_init(&o);
	assert_int_equal(plan(text, &o, &s, &err), 0);
	assert_string_equal(s.s[0].base, "base:1-x");
	stages_done(&s);
	map_set(&o.build_args, "v", "2");
	assert_int_equal(plan(text, &o, &s, &err), 0);
	assert_string_equal(s.s[0].base, "base:2-x");
	stages_done(&s);
	/* what is given takes the place of a default that could not be evaluated */
	assert_int_equal(plan("ARG v=${none:?no}\nFROM base:$v\n", &o, &s, &err), 0);
	assert_string_equal(s.s[0].base, "base:2");
	stages_done(&s);
	assert_int_equal(plan("ARG w=${none:?no}\nFROM base\n", &o, &s, &err), ERR_INVALID);
	stages_done(&s);
	build_opts_done(&o);
}

static void an_empty_base_says_which_variable_is_missing(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct build_opts o;
	struct stages s;
	build_opts_init(&o);
	assert_int_equal(plan("FROM $nope\n", &o, &s, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "Containerfile:1:6: "));
	assert_non_null(strstr(err.msg, "'nope' is not set"));
	stages_done(&s);
	build_opts_done(&o);
}

static void an_unknown_target_lists_the_stages(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct build_opts o;
	struct stages s;
	build_opts_init(&o);
	o.target = "none";
	assert_int_equal(plan("FROM a AS one\nFROM b AS two\n", &o, &s, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "one, two"));
	stages_done(&s);
	build_opts_done(&o);
}

static void proxies_are_known_in_any_case(void **state)
{
	(void)state;
	assert_true(is_proxy_arg("HTTP_PROXY"));
	assert_true(is_proxy_arg("no_proxy"));
	assert_false(is_proxy_arg("PROXY"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages_build_on_one_another_by_name),
		cmocka_unit_test(global_arguments_choose_the_base),
		cmocka_unit_test(an_empty_base_says_which_variable_is_missing),
		cmocka_unit_test(an_unknown_target_lists_the_stages),
		cmocka_unit_test(proxies_are_known_in_any_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
