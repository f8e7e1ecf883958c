/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/descriptor.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MEMBERS "\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\""

static int parse(const char *text, struct descriptor *ret, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	assert_int_equal(json_parse(text, strlen(text), "test", &j, err), 0);
	return descriptor_from_json(j, "layer 1", ret, err);
}

static void goes_to_json_and_back(void **state)
{
	(void)state;
	static const char text[] =
		"{" MEMBERS ",\"size\":7,\"annotations\":{\"k\":\"v\"},\"platform\":{"
		"\"architecture\":\"arm\",\"os\":\"linux\","
		"\"variant\":\"v7\"},\"artifactType\":\"x/y\"}";
	struct err err = ERR_INIT;
	struct descriptor d, copy;
	assert_int_equal(parse(text, &d, &err), 0);
	assert_true(d.has_platform);
	assert_false(d.has_urls);
	descriptor_copy(&copy, &d);
	descriptor_done(&d);
	AUTO_JSON struct json *j = descriptor_to_json(&copy);
	AUTO_FREE char *got = json_dump(j, 0);
	assert_string_equal(got, text);
	descriptor_done(&copy);
}

static void urls_mark_it_as_foreign(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct descriptor d;
	assert_int_equal(
		parse("{" MEMBERS ",\"size\":0,\"urls\":[\"https://example.com\"]}", &d, &err), 0);
	assert_true(d.has_urls);
	descriptor_done(&d);
	assert_int_equal(parse("{" MEMBERS ",\"size\":9007199254740992,\"urls\":[]}", &d, &err), 0);
	assert_false(d.has_urls);
	descriptor_done(&d);
}

static void refuses_what_is_not_well_formed(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *why;
	} bad[] = {
		{"[]", "not an object"},
		{"{}", "mediaType is missing"},
		{"{\"mediaType\":\"\"}", "mediaType is missing"},
		{"{\"mediaType\":\"a b\"}", "invalid character"},
		{"{\"mediaType\":7}", "mediaType"},
		{"{\"mediaType\":\"a/b\",\"size\":1}", "digest is missing"},
		{"{\"mediaType\":\"a/b\",\"size\":1,\"digest\":\"sha256:../../etc/passwd\"}",
			"layer 1"},
		{"{\"mediaType\":\"a/b\",\"size\":1,\"digest\":\"sha256:" HEX "0\"}", "layer 1"},
		{"{\"mediaType\":\"a/b\",\"size\":1,\"digest\":\"md5:" HEX "\"}", "layer 1"},
		{"{" MEMBERS "}", "size is missing"},
		{"{" MEMBERS ",\"size\":null}", "size is missing"},
		{"{" MEMBERS ",\"size\":-1}", "out of range"},
		{"{" MEMBERS ",\"size\":9007199254740993}", "out of range"},
		{"{" MEMBERS ",\"size\":1.5}", "size"},
		{"{" MEMBERS ",\"size\":\"1\"}", "size"},
		{"{" MEMBERS ",\"size\":1,\"urls\":\"x\"}", "urls"},
		{"{" MEMBERS ",\"size\":1,\"annotations\":{\"k\":1}}", "annotations"},
		{"{" MEMBERS
		 ",\"size\":1,\"platform\":{\"os\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}",
			"longer than 31"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;
		struct descriptor d;
		if (parse(bad[i].text, &d, &err) == 0)
			fail_msg("accepted: %s", bad[i].text);
		if (!strstr(err.msg, bad[i].why))
			fail_msg(
				"%s: \"%s\" does not say \"%s\"", bad[i].text, err.msg, bad[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_to_json_and_back),
		cmocka_unit_test(urls_mark_it_as_foreign),
		cmocka_unit_test(refuses_what_is_not_well_formed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
