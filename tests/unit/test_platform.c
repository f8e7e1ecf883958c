/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "image/platform.h"

static void expect(const char *text, const char *want)
{
	struct err err = ERR_INIT;
	struct platform p;
	char buf[100];
	if (platform_parse(text, &p, &err) < 0)
		fail_msg("'%s': %s", text, err.msg);
	assert_string_equal(platform_str(&p, buf), want);
}

static struct platform of(const char *text)
{
	struct err err = ERR_INIT;
	struct platform p;
	assert_int_equal(platform_parse(text, &p, &err), 0);
	return p;
}

static int match(const char *want, const char *have)
{
	struct platform w = of(want), h = of(have);
	return platform_match(&w, &h);
}

static void other_names_become_gos(void **state)
{
	(void)state;
	expect("linux/x86_64", "linux/amd64");
	expect("Linux/AMD64", "linux/amd64");
	expect("linux/amd64/v1", "linux/amd64");
	expect("linux/amd64/v3", "linux/amd64/v3");
	expect("linux/aarch64", "linux/arm64");
	expect("linux/arm64/v8", "linux/arm64");
	expect("linux/arm64/8", "linux/arm64");
	expect("linux/arm", "linux/arm/v7");
	expect("linux/armhf", "linux/arm/v7");
	expect("linux/armel", "linux/arm/v6");
	expect("linux/arm/6", "linux/arm/v6");
	expect("linux/i686", "linux/386");
	expect("macos/arm64", "darwin/arm64");
}

static void one_word_is_a_system_or_an_architecture(void **state)
{
	(void)state;
	struct platform host;
	char buf[100];
	platform_host(&host);
	AUTO_FREE char *freebsd = xasprintf("freebsd/%s", host.arch);
	expect("arm64", "linux/arm64");
	expect("riscv64", "linux/riscv64");
	if (!*host.variant)
		expect("freebsd", freebsd);
	expect("local", platform_str(&host, buf));
}

static void refuses_what_is_no_platform(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "/", "linux/", "linux/amd64/v1/x", "linux/am d64",
		"nonsense", "linux/$x", "arm/v7",
		"linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;
		struct platform p;
		assert_int_equal(platform_parse(bad[i], &p, &err), ERR_INVALID);
	}
}

static void the_same_variant_is_best_and_a_later_one_does_not_run(void **state)
{
	(void)state;
	assert_true(match("linux/amd64", "linux/amd64") > 0);
	assert_int_equal(match("linux/amd64", "linux/arm64"), -1);
	assert_int_equal(match("linux/amd64", "windows/amd64"), -1);
	assert_int_equal(match("linux/amd64", "linux/amd64/v3"), -1);
	assert_true(match("linux/amd64/v3", "linux/amd64/v3") >
		    match("linux/amd64/v3", "linux/amd64/v2"));
	assert_true(
		match("linux/amd64/v3", "linux/amd64/v2") > match("linux/amd64/v3", "linux/amd64"));
	assert_true(match("linux/amd64/v3", "linux/amd64") >= 0);
	assert_true(match("linux/arm/v7", "linux/arm/v6") > match("linux/arm/v7", "linux/arm/v5"));
	assert_int_equal(match("linux/arm/v6", "linux/arm/v7"), -1);
	assert_true(match("linux/arm64", "linux/arm64/v8") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_names_become_gos),
		cmocka_unit_test(one_word_is_a_system_or_an_architecture),
		cmocka_unit_test(refuses_what_is_no_platform),
		cmocka_unit_test(the_same_variant_is_best_and_a_later_one_does_not_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
