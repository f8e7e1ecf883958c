/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/policy.h"

static int check(const char *policy, const char *name, const char *path)
{
	AUTO_REFERENCE struct reference ref = {0};
	struct err err = ERR_INIT;
	if (name)
		assert_int_equal(reference_parse(name, &ref, &err), 0);
	int r = policy_check_text(policy, strlen(policy), "policy.json", name ? "docker" : "oci",
		name ? &ref : NULL, path, &err);
	assert_true(r == 0 || strstr(err.msg, "policy.json"));
	return r;
}

#define ACCEPT "[{\"type\":\"insecureAcceptAnything\"}]"
#define REJECT "[{\"type\":\"reject\"}]"

static void the_most_specific_scope_decides(void **state)
{
	static const char policy[] =
		"{\"default\":" REJECT ",\"transports\":{\"docker\":{"
		"\"e.com/a/b:old\":" REJECT ",\"e.com/a\":" ACCEPT ",\"*.corp.example\":" ACCEPT
		",\"r.io:5000\":" ACCEPT ",\"docker.io/library/busybox\":" ACCEPT "}}}";
	(void)state;
	assert_int_equal(check(policy, "e.com/a/b:new", NULL), 0);
	assert_int_equal(check(policy, "e.com/a/b:old", NULL), ERR_DENIED);
	assert_int_equal(check(policy, "e.com/ab/b:old", NULL), ERR_DENIED);
	assert_int_equal(check(policy, "x.y.corp.example:5000/a/b", NULL), 0);
	assert_int_equal(check(policy, "corp.example/a/b", NULL), ERR_DENIED);
	assert_int_equal(check(policy, "r.io:5000/x", NULL), 0);
	assert_int_equal(check(policy, "r.io/x", NULL), ERR_DENIED);
	assert_int_equal(check(policy, "busybox", NULL), 0);
	assert_int_equal(check(policy, "debian", NULL), ERR_DENIED);
}

static void a_transport_has_a_default_of_its_own_and_paths_have_parents(void **state)
{
	static const char policy[] =
		"{\"default\":" REJECT ",\"transports\":{\"docker\":{\"\":" ACCEPT
		"},\"oci\":{\"/srv/images\":" ACCEPT "}}}";
	(void)state;
	assert_int_equal(check(policy, "debian", NULL), 0);
	assert_int_equal(check(policy, NULL, "/srv/images/web"), 0);
	assert_int_equal(check(policy, NULL, "/srv/imagesx/web"), ERR_DENIED);
	assert_int_equal(check(policy, NULL, "/srv"), ERR_DENIED);
}

static void what_cannot_be_verified_is_refused(void **state)
{
	(void)state;
	assert_int_equal(check("{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\"}]}",
				 "debian", NULL),
		ERR_UNSUPPORTED);
	assert_int_equal(check("{\"default\":[{\"type\":\"insecureAcceptAnything\"},{\"type\":"
			       "\"sigstoreSigned\"}]}",
				 "debian", NULL),
		ERR_UNSUPPORTED);
	assert_int_equal(check("{\"default\":[{\"type\":\"hope\"}]}", "debian", NULL), ERR_INVALID);
}

static void what_says_nothing_accepts_nothing(void **state)
{
	(void)state;
	assert_int_equal(check("{}", "debian", NULL), ERR_INVALID);
	assert_int_equal(check("[]", "debian", NULL), ERR_INVALID);
	assert_int_equal(check("{\"default\":[]}", "debian", NULL), ERR_INVALID);
	assert_int_equal(
		check("{\"default\":" ACCEPT ",\"transport\":{}}", "debian", NULL), ERR_INVALID);
	assert_int_equal(check("{\"default\":[{}]}", "debian", NULL), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_scope_decides),
		cmocka_unit_test(a_transport_has_a_default_of_its_own_and_paths_have_parents),
		cmocka_unit_test(what_cannot_be_verified_is_refused),
		cmocka_unit_test(what_says_nothing_accepts_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
