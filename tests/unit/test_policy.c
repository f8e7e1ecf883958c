/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/policy.h"

/* name: of a registry; else path: of a layout, and image: in it. */
static int check_image(const char *policy, const char *name, const char *path, const char *image)
{
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_DEMANDS struct demands demands = {0};
	struct err err = ERR_INIT;
	if (name)
		assert_int_equal(reference_parse(name, &ref, &err), 0);
	int r = policy_check_text(policy, strlen(policy), "policy.json", name ? "docker" : "oci",
		name ? &ref : NULL, path, image, &demands, &err);
	assert_true(r == 0 || strstr(err.msg, "policy.json"));
	return r;
}

static int check(const char *policy, const char *name, const char *path)
{
	return check_image(policy, name, path, NULL);
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

static void a_tag_beside_the_digest_hides_no_scope(void **state)
{
#define IMAGE "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	static const char policy[] = "{\"default\":" ACCEPT ",\"transports\":{\"docker\":{"
				     "\"e.com/a" IMAGE "\":" REJECT ",\"e.com/b:1\":" REJECT "}}}";
	(void)state;
	assert_int_equal(check(policy, "e.com/a" IMAGE, NULL), ERR_DENIED);
	assert_int_equal(check(policy, "e.com/a:1" IMAGE, NULL), ERR_DENIED);
	assert_int_equal(check(policy, "e.com/b:1" IMAGE, NULL), ERR_DENIED);
	assert_int_equal(check(policy, "e.com/a:1", NULL), 0);
	assert_int_equal(check(policy, "e.com/b" IMAGE, NULL), 0);
}

static void a_transport_has_a_default_of_its_own_and_paths_have_parents(void **state)
{
	static const char policy[] =
		"{\"default\":" REJECT ",\"transports\":{\"docker\":{\"\":" ACCEPT
		"},\"oci\":{\"/srv/images\":" ACCEPT ",\"/srv/images/web:old\":" REJECT "}}}";
	(void)state;
	assert_int_equal(check(policy, "debian", NULL), 0);
	assert_int_equal(check(policy, NULL, "/srv/images/web"), 0);
	assert_int_equal(check(policy, NULL, "/srv/imagesx/web"), ERR_DENIED);
	assert_int_equal(check(policy, NULL, "/srv"), ERR_DENIED);
	assert_int_equal(check_image(policy, NULL, "/srv/images/web", "new"), 0);
	assert_int_equal(check_image(policy, NULL, "/srv/images/web", "old"), ERR_DENIED);
}

#define SIGNED(more) "[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\"" more "}]"

static void a_demand_for_signatures_says_whose_and_for_what(void **state)
{
	static const char policy[] = "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\","
				     "\"keyPaths\":[\"/a\",\"/b\"]},{\"type\":\"signedBy\","
				     "\"keyType\":\"GPGKeys\",\"keyData\":\"aGVsbG8=\","
				     "\"signedIdentity\":{\"type\":\"matchRepository\"}}]}";
	AUTO_DEMANDS struct demands d = {0};
	struct err err = ERR_INIT;
	(void)state;
	assert_int_equal(policy_check_text(policy, strlen(policy), "policy.json", "dir", NULL, "/x",
				 NULL, &d, &err),
		0);
	assert_int_equal(d.n, 2);
	assert_string_equal(d.policy, "policy.json");
	assert_int_equal(d.s[0].key_files.n, 2);
	assert_int_equal(d.s[0].identity.match, MATCH_REPO_DIGEST_OR_EXACT);
	assert_memory_equal(d.s[1].keys, "hello", d.s[1].n_keys);
	assert_int_equal(d.s[1].n_keys, 5);
	assert_int_equal(d.s[1].identity.match, MATCH_REPOSITORY);
	static const char *const wrong[] = {SIGNED(""), SIGNED(",\"keyPath\":1"),
		SIGNED(",\"keyPaths\":[]"), SIGNED(",\"keyPath\":\"/k\",\"keyData\":\"aGk=\""),
		SIGNED(",\"keyData\":\"?\""), SIGNED(",\"keyPath\":\"/k\",\"unless\":\"x\""),
		SIGNED(",\"keyPath\":\"/k\",\"signedIdentity\":{\"type\":\"any\"}")};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		AUTO_FREE char *text = xasprintf("{\"default\":%s}", wrong[i]);
		assert_int_equal(check(text, "debian", NULL), ERR_INVALID);
	}
}

static void what_cannot_be_verified_is_refused(void **state)
{
	(void)state;
	assert_int_equal(check("{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"X509CAs\"}]}",
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
	/* what is wrong elsewhere was meant for something too */
	static const char *const wrong[] = {"{\"transports\":{\"docker\":{\"\":" ACCEPT "}}}",
		"{\"default\":" ACCEPT ",\"transports\":[]}",
		"{\"default\":" ACCEPT ",\"transports\":{\"docker\":" REJECT "}}",
		"{\"default\":" ACCEPT ",\"transports\":{\"oci\":" REJECT "}}",
		"{\"default\":[{\"type\":\"insecureAcceptAnything\",\"keyType\":\"GPGKeys\"}]}"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(check(wrong[i], "debian", NULL), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_scope_decides),
		cmocka_unit_test(a_tag_beside_the_digest_hides_no_scope),
		cmocka_unit_test(a_transport_has_a_default_of_its_own_and_paths_have_parents),
		cmocka_unit_test(a_demand_for_signatures_says_whose_and_for_what),
		cmocka_unit_test(what_cannot_be_verified_is_refused),
		cmocka_unit_test(what_says_nothing_accepts_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
