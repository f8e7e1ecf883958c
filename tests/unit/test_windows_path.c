/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/windows_path.h"

/* NULL: refused. All of these were seen from BuildKit. */
static const struct {
	const char *written, *read;
} paths[] = {
	{"C:\\app", "/app"},
	{"c:/app\\x", "/app/x"},
	{"\\back", "/back"},
	{"/back", "/back"},
	{"c:\\", "/"},
	{"\\", "/"},
	{"sub\\dir", "sub/dir"},
	{"c:rel", "rel"},
	{"c:..\\up\\", "../up/"},
	{".\\", "./"},
	{".", "."},
	{"", ""},
	{"q\\.", "q"},
	{"\\q\\\\r\\..\\s\\", "/q/s/"},
	{"c:", NULL},
	{"D:/other", NULL},
	{"x/c:y", NULL},
	{":x", NULL},
	{"\\\\host\\share", NULL},
	{"//host", NULL},
	{"/\\host", NULL},
};

static void reads_what_a_containerfile_may_write(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct err err = ERR_INIT;
		AUTO_FREE char *path = xstrdup(paths[i].written);
		int rc = windows_path_read("windows", &path, &err);
		if (rc != (paths[i].read ? 0 : ERR_INVALID))
			fail_msg("'%s': %d, %s", paths[i].written, rc, err.msg);
		assert_string_equal(path, paths[i].read ? paths[i].read : paths[i].written);
	}
}

static void writes_backslashes_and_reads_them_again(void **state)
{
	(void)state;
	char path[] = "/app/x", other[] = "/app/x";
	windows_path_write("windows", path);
	windows_path_write("linux", other);
	assert_string_equal(path, "\\app\\x");
	windows_path_reread("windows", path);
	assert_string_equal(path, "/app/x");
	assert_string_equal(other, "/app/x");
}

static void leaves_those_of_other_systems_as_they_are(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_FREE char *path = xstrdup("C:\\app/../x");
	assert_int_equal(windows_path_read("linux", &path, &err), 0);
	assert_string_equal(path, "C:\\app/../x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_a_containerfile_may_write),
		cmocka_unit_test(writes_backslashes_and_reads_them_again),
		cmocka_unit_test(leaves_those_of_other_systems_as_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
