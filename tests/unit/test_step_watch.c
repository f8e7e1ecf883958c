/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "build/build.h"
#include "build/step_watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* where others make and remove files all the time, how many there are says nothing */
static char quiet[] = "/dev/shm/mica-step-watch-XXXXXX", usual[] = "/tmp/mica-step-watch-XXXXXX";
static const char *dir;
static int upper, work;

static int set_up(void **state)
{
	(void)state;
	dir = mkdtemp(quiet);
	if (!dir && !(dir = mkdtemp(usual)))
		return -1;
	upper = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0 || mkdirat(upper, "work", 0700) < 0)
		return -1;
	work = openat(upper, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return work < 0;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;
	(void)state;
	close(upper);
	close(work);
	return fs_remove_tree(AT_FDCWD, dir, &err);
}

static void watch(struct step_watch *w, const struct build_opts *o)
{
	step_watch_start(w);
	step_watch_place(w, o, upper, -1);
	step_watch_place(w, o, work, -1);
}

static void the_less_is_left_the_sooner_it_looks(void **state)
{
	static const struct {
		uint64_t limit;
		int ms;
	} cases[] = {{MIB, 1}, {5 * MIB, 2}, {40 * MIB, 11}, {GIB, 50}, {1024 * GIB, 50}};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct build_opts o = {.disk_limit = cases[i].limit};
		struct step_watch w = {0};
		watch(&w, &o);
		assert_int_equal(step_watch_timeout(&w, &o), cases[i].ms);
		step_watch_stop(&w);
	}
}

static void without_a_limit_nothing_is_looked_at(void **state)
{
	const struct build_opts none = {0}, time = {.step_timeout_ms = 100000};
	struct step_watch w = {0};
	(void)state;
	watch(&w, &none);
	assert_int_equal(step_watch_timeout(&w, &none), -1);
	step_watch_stop(&w);
	watch(&w, &time);
	assert_in_range(step_watch_timeout(&w, &time), 50000, 100000);
	step_watch_stop(&w);
}

static void what_is_written_ends_it(void **state)
{
	const struct build_opts o = {.disk_limit = 2 * MIB};
	struct err err = ERR_INIT;
	struct step_watch w = {0};
	char block[64 * KIB];
	(void)state;
	watch(&w, &o);
	memset(block, 'x', sizeof(block));
	AUTO_FD int fd = openat(upper, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (unsigned i = 0; i < 3 * MIB / sizeof(block); i++)
		assert_int_equal(fs_write_all(fd, block, sizeof(block)), 0);
	assert_int_equal(step_watch_end(&w, &err), ERR_LIMIT);
	assert_non_null(
		strstr(err.msg, "killed: it wrote 3.0 MiB, the limit of a step is 2.0 MiB"));
}

static void empty_files_are_counted_at_once(void **state)
{
	const struct build_opts o = {.disk_limit = MIB};
	struct err err = ERR_INIT;
	struct step_watch w = {0};
	struct statvfs st;
	(void)state;
	if (fstatvfs(upper, &st) < 0 || !st.f_files) {
		print_message("its file system does not tell how many files it has\n");
		skip();
	}
	watch(&w, &o);
	for (unsigned i = 0; i < MIB / KIB + 10; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "%u", i);
		AUTO_FD int fd = openat(work, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
	}
	w.counted_ms = clock_ms(); /* it is not time that has them counted */
	assert_int_equal(step_watch_check(&w, &o, NULL, &err), 0);
	assert_int_not_equal(w.job.pid, 0);
	step_watch_stop(&w);
}

static void attributes_count_too(void **state)
{
	const struct build_opts o = {.disk_limit = 2 * KIB};
	struct err err = ERR_INIT;
	struct step_watch w = {0};
	char value[3000] = "x";
	(void)state;
	watch(&w, &o);
	AUTO_FD int fd = openat(upper, "attributes", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fsetxattr(fd, "user.a", value, sizeof(value), 0) < 0) {
		print_message("its file system has no attributes\n");
		skip();
	}
	assert_int_equal(step_watch_end(&w, &err), ERR_LIMIT);
}

static void a_cache_has_a_limit_of_its_own(void **state)
{
	const struct build_opts none = {0}, o = {.disk_limit = 40 * MIB};
	struct err err = ERR_INIT;
	struct step_watch w = {0};
	char block[64 * KIB] = "x";
	(void)state;
	step_watch_start(&w);
	step_watch_cache(&w, "/c", MIB, work);
	assert_int_equal(step_watch_timeout(&w, &none), 1);
	watch(&w, &o);
	step_watch_cache(&w, "/c", 5 * MIB, work);
	assert_int_equal(step_watch_timeout(&w, &o), 2);
	step_watch_cache(&w, "/d", MIB, work);
	AUTO_FD int fd = openat(work, "cached", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (unsigned i = 0; i < 3 * MIB / sizeof(block); i++)
		assert_int_equal(fs_write_all(fd, block, sizeof(block)), 0);
	assert_int_equal(step_watch_end(&w, &err), ERR_LIMIT);
	assert_non_null(strstr(err.msg,
		"killed: it wrote 3.0 MiB to the cache mount '/d', whose limit is 1.0 MiB"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_less_is_left_the_sooner_it_looks),
		cmocka_unit_test(without_a_limit_nothing_is_looked_at),
		cmocka_unit_test(what_is_written_ends_it),
		cmocka_unit_test(empty_files_are_counted_at_once),
		cmocka_unit_test(attributes_count_too),
		cmocka_unit_test(a_cache_has_a_limit_of_its_own),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
