/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "run/emulation.h"

static char dir[] = "/tmp/emulation.XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	AUTO_FREE char *file = xasprintf("%s/qemu-aarch64", dir);
	(void)unlink(file);
	return rmdir(dir);
}

static void handler(const char *status, const char *flags)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *file = xasprintf("%s/qemu-aarch64", dir);
	AUTO_FREE char *text = xasprintf("%s\ninterpreter /usr/bin/qemu-aarch64-static\nflags: %s\n"
					 "offset 0\n"
					 "magic 7f454c460201010000000000000000000200b700\n"
					 "mask ffffffffffffff00fffffffffffffffffeffffff\n",
		status, flags);
	assert_int_equal(fs_write_file(AT_FDCWD, file, text, strlen(text), 0644, false, &err), 0);
}

static int judge(const char *arch, int probed, char **ret, struct err *err)
{
	err_clear(err);
	return emulation_judge(dir, arch, probed, ret, err);
}

static void says_what_is_missing(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL;
	assert_int_equal(judge("arm64", ENOEXEC, &path, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "for arm64: no handler is registered"));
	assert_non_null(strstr(err.msg, "qemu-user-static"));
	assert_int_equal(judge("z80", -1, &path, &err), ERR_UNSUPPORTED);
	assert_int_equal(emulation_check("windows", "amd64", &path, &err), ERR_UNSUPPORTED);
}

static void believes_what_was_tried(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL;
	assert_int_equal(judge("arm64", 0, &path, &err), 0);
	assert_null(path);
}

static void a_handler_without_f_needs_its_emulator_inside(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	char *path = NULL;
	handler("enabled", "OCF");
	assert_int_equal(judge("arm64", 0, &path, &err), 0);
	assert_null(path);
	handler("enabled", "OC");
	assert_int_equal(judge("arm64", 0, &path, &err), 0);
	assert_string_equal(path, "/usr/bin/qemu-aarch64-static");
	free(path);
	assert_int_equal(judge("arm64", ENOENT, &path, &err), 0);
	assert_string_equal(path, "/usr/bin/qemu-aarch64-static");
	free(path);
	/* of another architecture, or switched off */
	assert_int_equal(judge("riscv64", ENOEXEC, &path, &err), ERR_UNSUPPORTED);
	handler("disabled", "OC");
	assert_int_equal(judge("arm64", ENOEXEC, &path, &err), ERR_UNSUPPORTED);
}

static void what_we_are_made_for_can_be_executed(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL;
#if defined(__x86_64__)
	assert_int_equal(emulation_check("linux", "amd64", &path, &err), 0);
#elif defined(__aarch64__)
	assert_int_equal(emulation_check("linux", "arm64", &path, &err), 0);
#endif
	assert_null(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_missing),
		cmocka_unit_test(believes_what_was_tried),
		cmocka_unit_test(a_handler_without_f_needs_its_emulator_inside),
		cmocka_unit_test(what_we_are_made_for_can_be_executed),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
