/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>

#include "base/mem.h"
#include "cmd/text.h"

static void cleans(const char *in, int flags, const char *expected)
{
	AUTO_FREE char *out = text_clean(in, strlen(in), flags);
	assert_string_equal(out, expected);
}

static void spells_control_bytes_out(void **state)
{
	(void)state;
	cleans("plain \xc3\xa9\t.", 0, "plain \xc3\xa9\t.");
	cleans("a\x1b[31mb\n", 0, "a\\x1b[31mb\\x0a");
	cleans("a\nb", TEXT_LINES, "a\nb");
	cleans("\x7f\r", TEXT_LINES, "\\x7f\\x0d");
}

static void spells_c1_controls_and_broken_utf8_out(void **state)
{
	(void)state;
	cleans("\xc2\x9b"
	       "31m",
		0, "\\xc2\\x9b31m"); /* CSI in eight bits */
	cleans("\xff\xc3", 0, "\\xff\\xc3");
	cleans("\xc0\xaf", 0, "\\xc0\\xaf"); /* overlong */
	cleans("\xed\xa0\x80", 0, "\\xed\\xa0\\x80"); /* a surrogate */
}

static void drops_escape_sequences_when_asked(void **state)
{
	(void)state;
	cleans("\x1b[1;31merror\x1b[0m: x", TEXT_STRIP, "error: x");
	cleans("\x1b]0;title\a>\x1b]8;;u\x1b\\l", TEXT_STRIP, ">l");
	cleans("\x1b(Bx\x1b=y", TEXT_STRIP, "xy");
	cleans("end\x1b[31", TEXT_STRIP, "end");
	cleans("end\x1b", TEXT_STRIP, "end");
}

static void measures_columns(void **state)
{
	(void)state;
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("\xc3\xa9"), 1);
	assert_int_equal(text_width("\xe6\xbc\xa2"), 2);
	assert_int_equal(text_width("e\xcc\x81"), 1);
	assert_int_equal(text_fit("abc", 2), 2);
	assert_int_equal(text_fit("a\xe6\xbc\xa2", 2), 1);
	assert_int_equal(text_fit("abc", 9), 3);
}

static void size_is(uint64_t n, const char *expected)
{
	char buf[TEXT_NUM_MAX];
	assert_string_equal(text_size(n, buf), expected);
}

static void sizes_have_three_digits(void **state)
{
	(void)state;
	size_is(0, "0 B");
	size_is(999, "999 B");
	size_is(2230000, "2.23 MB");
	size_is(999600, "1 MB");
	size_is(123456789, "123 MB");
	size_is(5ULL * 1000 * 1000 * 1000, "5 GB");
}

static void age_is(int64_t s, const char *expected)
{
	char buf[TEXT_NUM_MAX];
	assert_string_equal(text_age(s, buf), expected);
}

static void ages_are_dockers(void **state)
{
	(void)state;
	age_is(-5, "Less than a second");
	age_is(1, "1 second");
	age_is(59, "59 seconds");
	age_is(61, "About a minute");
	age_is(180, "3 minutes");
	age_is(3600, "About an hour");
	age_is(47 * 3600, "47 hours");
	age_is(3 * 86400, "3 days");
	age_is(20 * 86400, "2 weeks");
	age_is(100 * 86400, "3 months");
	age_is(3 * 365 * 86400, "3 years");
}

static void durations_are_short(void **state)
{
	char buf[TEXT_NUM_MAX];

	(void)state;
	assert_string_equal(text_duration(3249, buf), "3.2s");
	assert_string_equal(text_duration(63000, buf), "1m03s");
	assert_string_equal(text_duration(7500000, buf), "2h05m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spells_control_bytes_out),
		cmocka_unit_test(spells_c1_controls_and_broken_utf8_out),
		cmocka_unit_test(drops_escape_sequences_when_asked),
		cmocka_unit_test(measures_columns),
		cmocka_unit_test(sizes_have_three_digits),
		cmocka_unit_test(ages_are_dockers),
		cmocka_unit_test(durations_are_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
