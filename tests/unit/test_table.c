/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/out.h"
#include "cmd/table.h"

static const char *const rows_text =
	"[{\"Name\":\"busybox\",\"Size\":\"2 MB\"},{\"Name\":\"a\",\"Size\":\"117 MB\"}]";
static const char *const heading_text = "{\"Name\":\"NAME\",\"Size\":\"SIZE\"}";

static void prints(const char *template, int flags, const char *expected)
{
	AUTO_JSON struct json *rows = NULL, *heading = NULL;
	struct err err = ERR_INIT;
	struct out out = {0};
	char *text = NULL;
	size_t n = 0;

	assert_int_equal(json_parse(rows_text, strlen(rows_text), "rows", &rows, &err), 0);
	assert_int_equal(
		json_parse(heading_text, strlen(heading_text), "heading", &heading, &err), 0);
	out.out = open_memstream(&text, &n);
	if (table_print(&out, template, heading, rows, flags, &err) < 0)
		fail_msg("%s", err.msg);
	(void)fclose(out.out);
	assert_string_equal(text, expected);
	free(text);
}

static void columns_are_three_blanks_apart(void **state)
{
	(void)state;
	AUTO_FREE char *a = table_align("A\tBB\tC\naaaa\tb\tc\n");
	assert_string_equal(a, "A      BB   C\naaaa   b    c\n");
	AUTO_FREE char *wide = table_align("\xe6\xbc\xa2\tx\nabc\ty");
	assert_string_equal(wide, "\xe6\xbc\xa2    x\nabc   y");
	AUTO_FREE char *none = table_align("");
	assert_string_equal(none, "");
}

static void a_table_has_a_heading(void **state)
{
	(void)state;
	prints("table {{.Name}}\t{{.Size}}", 0,
		"NAME      SIZE\nbusybox   2 MB\na         117 MB\n");
	prints("table {{.Name}}\\t{{.Size}}", TABLE_NO_HEADING,
		"busybox   2 MB\na         117 MB\n");
}

static void a_plain_template_prints_lines(void **state)
{
	(void)state;
	prints("{{.Name}}: {{.Size}}", 0, "busybox: 2 MB\na: 117 MB\n");
	prints("{{.Name}}\\n", 0, "busybox\n\na\n\n");
	prints("json", 0,
		"{\"Name\":\"busybox\",\"Size\":\"2 MB\"}\n{\"Name\":\"a\",\"Size\":\"117 MB\"}\n");
}

static void blanks_make_columns_outside_of_actions(void **state)
{
	(void)state;
	prints("{{.Name}} {{printf \"%s !\" .Size}}", TABLE_BLANKS,
		"busybox   2 MB !\na         117 MB !\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_three_blanks_apart),
		cmocka_unit_test(a_table_has_a_heading),
		cmocka_unit_test(a_plain_template_prints_lines),
		cmocka_unit_test(blanks_make_columns_outside_of_actions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
