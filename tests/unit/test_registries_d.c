/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/registries_d.h"

static int add(struct registries_d *d, const char *text)
{
	struct err err = ERR_INIT;
	int r = registries_d_add(d, text, strlen(text), "x.yaml", &err);
	assert_true(r == 0 || strstr(err.msg, "x.yaml:"));
	return r;
}

static void place_is(
	const struct registries_d *d, const char *name, bool write, const char *expected)
{
	struct err err = ERR_INIT;
	AUTO_REFERENCE struct reference ref = {0};
	assert_int_equal(reference_parse(name, &ref, &err), 0);
	AUTO_FREE char *place = registries_d_place(d, &ref, write);
	assert_string_equal(place, expected);
}

static void the_most_specific_namespace_that_says_it_decides(void **state)
{
	AUTO_REGISTRIES_D struct registries_d d = {0};
	(void)state;
	setenv("HOME", "/home/h", 1);
	setenv("MICA_UID", "1000", 1);
	place_is(&d, "e.com/a/b:1", false, "file:///home/h/.local/share/containers/sigstore");
	assert_int_equal(add(&d, "# nothing but this\n"), 0);
	assert_int_equal(add(&d, "default-docker:\n"), 0);
	assert_int_equal(add(&d, "docker:\n"
				 "  e.com/a:\n"
				 "    lookaside: https://web.e.com/sig\n"
				 "    sigstore: https://older.e.com/\n"
				 "    lookaside-staging: file:///staging\n"
				 "  e.com/a/b:1: {use-sigstore-attachments: true}\n"
				 "  '*.corp.example':\n"
				 "    sigstore: &s file:///corp\n"),
		0);
	assert_int_equal(add(&d, "default-docker:\n  sigstore-staging: file:///rest\n"), 0);
	place_is(&d, "e.com/a/b:1", false, "https://web.e.com/sig");
	place_is(&d, "e.com/a/b:1", true, "file:///staging");
	place_is(&d, "x.corp.example:5000/a", true, "file:///corp");
	place_is(&d, "busybox", true, "file:///rest");
	place_is(&d, "busybox", false, "file:///home/h/.local/share/containers/sigstore");
}

static void what_is_not_understood_is_told_with_its_line(void **state)
{
	static const char *const wrong[] = {"a: [", "[]", "docker: text", "docker:\n  a.b: text",
		"docker:\n  a.b:\n    lookaside: ftp://x", "docker:\n  a.b:\n    lookaside: {}",
		"docker:\n  ? []\n  : {}", "docker:\n  a.b: {}\n  a.b: {}",
		"docker:\n  a.b:\n    lookaside: \"file:///x\\0y\""};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		AUTO_REGISTRIES_D struct registries_d d = {0};
		assert_int_equal(add(&d, wrong[i]), ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_namespace_that_says_it_decides),
		cmocka_unit_test(what_is_not_understood_is_told_with_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
