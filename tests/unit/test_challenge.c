/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "registry/challenge.h"

static void parse(const char *text, struct challenges *c)
{
	struct err err = ERR_INIT;
	if (challenges_parse(text, c, &err) < 0)
		fail_msg("%s", err.msg);
}

static void reads_a_bearer_challenge(void **state)
{
	struct challenges c = {0};
	(void)state;
	parse("Bearer "
	      "realm=\"https://auth.docker.io/"
	      "token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull,push\"",
		&c);
	const struct challenge *b = challenges_find(&c, "bearer");
	assert_non_null(b);
	assert_string_equal(b->realm, "https://auth.docker.io/token");
	assert_string_equal(b->service, "registry.docker.io");
	assert_string_equal(b->scope, "repository:a/b:pull,push");
	challenges_done(&c);
}

static void reads_several_schemes_in_one_or_more_headers(void **state)
{
	struct challenges c = {0};
	(void)state;
	parse("Negotiate, Basic realm = \"a \\\"quoted\\\" b\" , BEARER Realm=tok", &c);
	parse("Digest nonce=1", &c);
	assert_int_equal(c.n, 4);
	assert_string_equal(challenges_find(&c, "basic")->realm, "a \"quoted\" b");
	assert_string_equal(challenges_find(&c, "bearer")->realm, "tok");
	assert_null(challenges_find(&c, "ntlm"));
	challenges_done(&c);
}

static void passes_over_the_tokens_of_other_schemes(void **state)
{
	static const char *const tokens[] = {"abc", "YII=", "a/b+c==", "a,", ",", "a = b"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		struct challenges c = {0};
		AUTO_FREE char *text = xasprintf("Negotiate %s, Basic realm=x", tokens[i]);
		parse(text, &c);
		assert_int_equal(c.n, 2);
		assert_string_equal(challenges_find(&c, "basic")->realm, "x");
		challenges_done(&c);
	}
}

static void the_first_of_two_equal_parameters_counts(void **state)
{
	struct challenges c = {0};
	(void)state;
	parse("Bearer realm=\"https://one/\",realm=\"https://two/\"", &c);
	assert_string_equal(c.c[0].realm, "https://one/");
	challenges_done(&c);
}

static void refuses_what_is_not_well_formed(void **state)
{
	static const char *const bad[] = {"Bearer realm=\"x", "realm=\"x\"",
		"Bearer realm=", "Bearer realm=\"a\nb\"", "=", "Bearer realm=\"a\";x",
		"A, B, C, D, E, F, G, H, I"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct challenges c = {0};
		struct err err = ERR_INIT;
		if (challenges_parse(bad[i], &c, &err) == 0)
			fail_msg("'%s' was taken", bad[i]);
		challenges_done(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_bearer_challenge),
		cmocka_unit_test(reads_several_schemes_in_one_or_more_headers),
		cmocka_unit_test(passes_over_the_tokens_of_other_schemes),
		cmocka_unit_test(the_first_of_two_equal_parameters_counts),
		cmocka_unit_test(refuses_what_is_not_well_formed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
