/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "registry/made.h"

static char *top;

static int setup(void **state)
{
	(void)state;
	top = xstrdup("/tmp/mica-made-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	struct err err = ERR_INIT;
	(void)state;
	int r = fs_remove_tree(AT_FDCWD, top, &err);
	free(top);
	return r;
}

static bool is_there(const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", top, name);
	return access(path, F_OK) == 0;
}

/* Begins in the directory `in` of top. */
static int begin(struct made *m, const char *in)
{
	AUTO_FREE char *path = xasprintf("%s/%s", top, in);
	struct err err = ERR_INIT;
	assert_int_equal(made_mkdir(m, path, &err), 0);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	made_in(m, dir, "index.json");
	return dir;
}

static void put(struct made *m, int dir, const char *name)
{
	struct err err = ERR_INIT;
	if (m)
		made_file(m, name);
	assert_int_equal(fs_write_file(dir, name, "x", 1, 0644, false, &err), 0);
}

static void takes_back_files_and_directories(void **state)
{
	struct made m = MADE_INIT;
	(void)state;
	AUTO_FD int dir = begin(&m, "a/b/c");
	put(&m, dir, "one");
	made_done(&m);
	assert_false(is_there("a"));
}

static void leaves_what_was_there(void **state)
{
	struct made m = MADE_INIT, second = MADE_INIT;
	(void)state;
	AUTO_FD int dir = begin(&m, "a/b");
	put(&m, dir, "index.json");
	put(&m, dir, "one");
	made_keep(&m);
	made_done(&m);
	close(take_fd(&dir));
	AUTO_FD int again = begin(&second, "a/b");
	put(&second, again, "one");
	put(&second, again, "two");
	made_done(&second);
	assert_true(is_there("a/b/one"));
	assert_true(is_there("a/b/index.json"));
	assert_false(is_there("a/b/two"));
}

static void leaves_files_while_another_is_at_it(void **state)
{
	struct made m = MADE_INIT, other = MADE_INIT;
	(void)state;
	AUTO_FD int dir = begin(&m, "a");
	put(&m, dir, "shared");
	AUTO_FD int dir2 = begin(&other, "a");
	put(&other, dir2, "shared");
	made_done(&m);
	assert_true(is_there("a/shared"));
	made_done(&other);
}

static void leaves_files_when_another_has_named_something(void **state)
{
	struct made m = MADE_INIT, other = MADE_INIT;
	(void)state;
	AUTO_FD int dir = begin(&m, "a");
	put(&m, dir, "shared");
	int dir2 = begin(&other, "a");
	put(&other, dir2, "shared");
	put(&other, dir2, "index.json");
	made_keep(&other);
	made_done(&other);
	close(dir2);
	made_done(&m);
	assert_true(is_there("a/shared"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_back_files_and_directories, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_what_was_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
			leaves_files_while_another_is_at_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			leaves_files_when_another_has_named_something, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
