/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/toml.h"

static void reads_as(const char *text, const char *json)
{
	struct err err = ERR_INIT;
	AUTO_JSON struct json *j = NULL;
	int r = toml_parse(text, strlen(text), "t", &j, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	AUTO_FREE char *dump = json_dump(j, 0);
	assert_string_equal(dump, json);
}

static void refuses(const char *text, const char *message)
{
	struct err err = ERR_INIT;
	struct json *j = NULL;
	int r = toml_parse(text, strlen(text), "t", &j, &err);
	if (r == 0)
		json_free(j);
	assert_true(r < 0);
	if (!strstr(err.msg, message))
		fail_msg("'%s' is not in '%s'", message, err.msg);
}

static void reads_tables_and_arrays_of_tables(void **state)
{
	(void)state;
	reads_as("a = 1\n[t]\nb = true # c\n[t.u]\nc = 'x'\n",
		"{\"a\":1,\"t\":{\"b\":true,\"u\":{\"c\":\"x\"}}}");
	reads_as("[[r]]\nx = \"1\"\n[[r.m]]\ny = 2\n[[r.m]]\ny = 3\n[[r]]\n",
		"{\"r\":[{\"x\":\"1\",\"m\":[{\"y\":2},{\"y\":3}]},{}]}");
	reads_as("a.b.\"c d\" = -3\n", "{\"a\":{\"b\":{\"c d\":-3}}}");
}

static void reads_arrays_over_lines_and_inline_tables(void **state)
{
	(void)state;
	reads_as("a = [\n 'x', # one\n \"y\",\n]\n", "{\"a\":[\"x\",\"y\"]}");
	reads_as("m = [{location = 'l', insecure = true}, {}]",
		"{\"m\":[{\"location\":\"l\",\"insecure\":true},{}]}");
}

static void reads_escapes(void **state)
{
	(void)state;
	reads_as(
		"a = \"\\t\\\"\\u00e9\\U0001F600\"", "{\"a\":\"\\t\\\"\xc3\xa9\xf0\x9f\x98\x80\"}");
	reads_as("a = 'C:\\n'", "{\"a\":\"C:\\\\n\"}");
	reads_as("a = 1\r\nb = 2\r\n", "{\"a\":1,\"b\":2}");
}

static void refuses_what_is_said_twice(void **state)
{
	(void)state;
	refuses("a = 1\na = 2\n", "t:2: 'a' is set twice");
	refuses("[a]\n[a]\n", "defined twice");
	refuses("a = []\n[[a]]\n", "not an array of tables");
	refuses("a = 1\n[a]\n", "");
	refuses("a = {b = 1}\na.c = 2\n", "closed");
}

static void refuses_what_it_does_not_know(void **state)
{
	(void)state;
	refuses("a = 1.5\n", "'1.5'");
	refuses("a = 2024-01-01\n", "'2024-01-01'");
	refuses("a = \"\"\"x\"\"\"\n", "multi-line");
	refuses("a = 'x\n'", "not ended");
	refuses("a = \"\\q\"", "escape");
	refuses("a = \"\\ud800\"", "not a character");
	refuses("a = 1 b = 2\n", "follows");
	refuses("= 1\n", "key is missing");
	refuses("[a\n", "']'");
	refuses("a = [1", "array");
	refuses("a =\n", "");
}

static void refuses_deep_nesting(void **state)
{
	char text[4096] = "a = ";
	(void)state;
	memset(text + 4, '[', 2000);
	refuses(text, "nested");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_tables_and_arrays_of_tables),
		cmocka_unit_test(reads_arrays_over_lines_and_inline_tables),
		cmocka_unit_test(reads_escapes),
		cmocka_unit_test(refuses_what_is_said_twice),
		cmocka_unit_test(refuses_what_it_does_not_know),
		cmocka_unit_test(refuses_deep_nesting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
