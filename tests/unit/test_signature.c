/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/signature.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NAME "{\"docker-reference\":\"e.com/a:1\"}"
#define IMAGE "{\"docker-manifest-digest\":\"sha256:" HEX "\"}"
#define CRITICAL(more)                                                                             \
	"{\"type\":\"atomic container signature\",\"image\":" IMAGE ",\"identity\":" NAME more "}"

static void what_is_written_can_be_read(void **state)
{
	struct err err = ERR_INIT;
	AUTO_SIGNATURE struct signature s = {0};
	struct digest d = digest_of("x", 1);
	AUTO_FREE char *text = signature_payload(&d, "e.com/a/b:1", 1700000000);
	(void)state;
	assert_int_equal(signature_parse(text, strlen(text), &s, &err), 0);
	assert_string_equal(s.reference, "e.com/a/b:1");
	assert_true(digest_equal(&s.manifest, &d));
	assert_non_null(strstr(text, "\"timestamp\":1700000000"));
}

static int parse(const char *text)
{
	struct err err = ERR_INIT;
	AUTO_SIGNATURE struct signature s = {0};
	return signature_parse(text, strlen(text), &s, &err);
}

static void what_is_critical_is_known_and_complete(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"critical\":" CRITICAL("") ",\"optional\":{\"else\":[]}}"), 0);
	static const char *const wrong[] = {
		"{\"critical\":" CRITICAL(",\"expires\":1") ",\"optional\":{}}",
		"{\"critical\":" CRITICAL("") "}",
		"{\"critical\":" CRITICAL("") ",\"optional\":{},\"more\":1}",
		"{\"critical\":" CRITICAL("") ",\"optional\":[]}",
		"{\"critical\":" CRITICAL("") ",\"optional\":{\"timestamp\":\"now\"}}",
		"{\"critical\":" CRITICAL("") ",\"optional\":{\"creator\":1}}",
		"{\"critical\":{\"type\":\"other\",\"image\":" IMAGE ",\"identity\":" NAME
		"},\"optional\":{}}",
		"{\"critical\":{\"type\":\"atomic container "
		"signature\",\"image\":{\"docker-manifest-digest\":\"sha256:12\"},"
		"\"identity\":" NAME "},\"optional\":{}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(parse(wrong[i]), ERR_INVALID);
}

/* identity NULL: the default; image NULL: without a name */
static bool matches(const char *identity, const char *image, const char *signed_as)
{
	struct err err = ERR_INIT;
	AUTO_JSON struct json *j = NULL;
	AUTO_REFERENCE struct reference ref = {0};
	struct identity i = {0};
	if (identity)
		assert_int_equal(json_parse(identity, strlen(identity), "t", &j, &err), 0);
	if (image)
		assert_int_equal(reference_parse(image, &ref, &err), 0);
	assert_int_equal(identity_parse(j, "policy", &i, &err), 0);
	bool yes = identity_matches(&i, image ? &ref : NULL, signed_as);
	identity_done(&i);
	return yes;
}

static void a_name_stands_for_an_image_as_the_policy_says(void **state)
{
	static const char by_digest[] = "e.com/a@sha256:" HEX;
	static const char exact[] = "{\"type\":\"matchExact\"}",
			  repository[] = "{\"type\":\"matchRepository\"}",
			  reference[] =
				  "{\"type\":\"exactReference\",\"dockerReference\":\"o.org/x:1\"}",
			  whole[] =
				  "{\"type\":\"exactRepository\",\"dockerRepository\":\"o.org/x\"}",
			  remap[] = "{\"type\":\"remapIdentity\",\"prefix\":\"m.net/up\","
				    "\"signedPrefix\":\"e.com\"}";
	(void)state;
	assert_true(matches(NULL, "e.com/a:1", "e.com/a:1"));
	assert_false(matches(NULL, "e.com/a:1", "e.com/a:2"));
	assert_false(matches(NULL, "e.com/a:1", "e.com/a"));
	assert_false(matches(NULL, "e.com/a", "e.com/a:1"));
	assert_true(matches(NULL, by_digest, "e.com/a:2"));
	assert_false(matches(NULL, by_digest, "e.com/b:2"));
	assert_false(matches(NULL, NULL, "e.com/a:1"));
	assert_true(matches(exact, by_digest, by_digest));
	assert_false(matches(exact, by_digest, "e.com/a:2"));
	assert_true(matches(exact, "busybox:1", "docker.io/library/busybox:1"));
	assert_true(matches(repository, "e.com/a:1", "e.com/a:2"));
	assert_false(matches(repository, "e.com/a:1", "e.com/ab:1"));
	assert_true(matches(reference, "e.com/a:1", "o.org/x:1"));
	assert_true(matches(reference, NULL, "o.org/x:1"));
	assert_false(matches(reference, "o.org/x:2", "o.org/x:2"));
	assert_true(matches(whole, NULL, "o.org/x:7"));
	assert_true(matches(remap, "m.net/up/a:1", "e.com/a:1"));
	assert_false(matches(remap, "m.net/up/a:1", "m.net/up/a:1"));
	assert_false(matches(remap, "m.net/upper/a:1", "e.comper/a:1"));
	assert_true(matches(remap, "e.org/a:1", "e.org/a:1"));
	assert_false(matches(NULL, "e.com/a:1", "not a name"));
}

static void an_identity_that_is_not_understood_is_refused(void **state)
{
	static const char *const wrong[] = {"{\"type\":\"matchSome\"}", "{}", "[]",
		"{\"type\":\"matchExact\",\"dockerReference\":\"a/b:1\"}",
		"{\"type\":\"exactReference\"}",
		"{\"type\":\"exactReference\",\"dockerReference\":\"e.com/a\"}",
		"{\"type\":\"exactRepository\",\"dockerRepository\":\"e.com/a:1\"}",
		"{\"type\":\"remapIdentity\",\"prefix\":\"a.b\"}"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err err = ERR_INIT;
		AUTO_JSON struct json *j = NULL;
		struct identity id = {0};
		assert_int_equal(json_parse(wrong[i], strlen(wrong[i]), "t", &j, &err), 0);
		assert_int_equal(identity_parse(j, "policy", &id, &err), ERR_INVALID);
		identity_done(&id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(what_is_critical_is_known_and_complete),
		cmocka_unit_test(a_name_stands_for_an_image_as_the_policy_says),
		cmocka_unit_test(an_identity_that_is_not_understood_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
