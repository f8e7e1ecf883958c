/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "registry/yaml.h"

static void becomes(const char *text, const char *expected)
{
	struct err err = ERR_INIT;
	AUTO_JSON struct json *j = NULL;
	assert_int_equal(yaml_to_json(text, strlen(text), "x", &j, &err), 0);
	AUTO_FREE char *json = json_dump(j, 0);
	assert_string_equal(json, expected);
}

static void refused(const char *text, const char *why)
{
	struct err err = ERR_INIT;
	struct json *j = NULL;
	assert_int_equal(yaml_to_json(text, strlen(text), "x", &j, &err), ERR_INVALID);
	assert_string_equal(err.msg, why);
}

static void values_are_those_of_the_core_schema(void **state)
{
	(void)state;
	becomes("", "null");
	becomes("# a comment\n---\n", "null");
	becomes("a: [1, -2, 0644, 0o17, 'x', 1.5, 007x]",
		"{\"a\":[1,-2,420,15,\"x\",\"1.5\",\"007x\"]}");
	becomes("a: true\nb: 'true'\nc: ~\nd: no\ne:\n- 'f: g'\n- h: |\n    i\n",
		"{\"a\":true,\"b\":\"true\",\"c\":null,\"d\":\"no\",\"e\":[\"f: "
		"g\",{\"h\":\"i\\n\"}]}");
	becomes("0: x\n--- second\n", "{\"0\":\"x\"}");
}

static void what_has_two_meanings_is_refused(void **state)
{
	(void)state;
	refused("a: &x 1\nb: *x\n", "x:1: aliases are not supported");
	refused("a: &x\n- *x\n", "x:1: aliases are not supported");
	refused("a: 1\na: 2\n", "x:2: the key is there twice");
	refused("[a]: 1\n", "x:1: a key is no text");
	refused("a: \"\\0\"\n", "x:1: a text has a NUL byte in it");
	refused("a: [\n", "x:2: did not find expected node content");
	char deep[201] = {0};
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	refused(deep, "x:1: too deep");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_those_of_the_core_schema),
		cmocka_unit_test(what_has_two_meanings_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
