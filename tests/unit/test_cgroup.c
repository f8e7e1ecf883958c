/* SPDX-License-Identifier: Apache-2.0 */
/* Limits are written and read back from the kernel; what cannot be enforced is refused. Needs a
 * host whose cgroups we may use. */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "run/cgroup.h"
#include "run/cgroup_internal.h"
#include "run/spec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int note(void *arg, const char *path, struct err *err)
{
	(void)err;
	assert_int_equal(access(path, F_OK), -1); /* told before it is made */
	strv_add(arg, path);
	return 0;
}

static struct cgroup *create(const struct run_limits *l, struct strv *paths)
{
	struct cgroup *g;
	struct err err = ERR_INIT;
	int r = cgroup_create(l, note, paths, &g, &err);
	if (r == ERR_UNSUPPORTED) {
		strv_done(paths);
		skip_because("%s", err.msg);
	}
	assert_int_equal(r, 0);
	return g;
}

/* The value of file in whichever of the directories has it. */
static const char *value(const struct strv *paths, const char *file)
{
	static char text[256];
	for (size_t i = 0; i < paths->n; i++) {
		AUTO_FD int dir = open(paths->v[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0 && cgroup_read(dir, file, text, sizeof(text)) == 0)
			return text;
	}
	return NULL;
}

static void assert_either(
	const struct strv *paths, const char *v1, const char *one, const char *v2, const char *two)
{
	const char *text = value(paths, v1);
	if (text)
		assert_string_equal(text, one);
	else
		assert_string_equal(value(paths, v2), two);
}

static void without_limits_one_of_version_2_at_most(void **state)
{
	(void)state;
	AUTO_STRV struct strv paths = STRV_INIT;
	const struct run_limits none = {0};
	struct cgroup *g;
	struct err err = ERR_INIT;
	assert_int_equal(cgroup_check(&none, &err), 0);
	assert_int_equal(cgroup_create(&none, note, &paths, &g, &err), 0);
	bool here = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ||
	            access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0;
	if (here && geteuid() == 0)
		assert_non_null(g);
	assert_int_equal(paths.n, g ? 1 : 0);
	assert_int_equal(cgroup_clone_fd(g) >= 0, g != NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(cgroup_join(g, &err) < 0);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(cgroup_remove(g, &err), 0);
	STRV_FOREACH (path, &paths)
		assert_int_equal(access(*path, F_OK), -1);
}

static uint64_t frozen(const struct strv *paths)
{
	AUTO_FD int dir = open(paths->v[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
	return cgroup_read_key(dir, "cgroup.events", "frozen");
}

static void what_is_held_stands_still_and_can_be_killed(void **state)
{
	(void)state;
	AUTO_STRV struct strv paths = STRV_INIT;
	const struct run_limits none = {0};
	struct cgroup *g;
	struct err err = ERR_INIT;
	assert_int_equal(cgroup_create(&none, note, &paths, &g, &err), 0);
	if (!g) {
		strv_done(&paths);
		skip_because("no cgroup of version 2 that we may divide");
	}
	pid_t pid = fork();
	assert_true(pid >= 0);
	while (pid == 0) {
		if (alarm(60), cgroup_join(g, &err) < 0)
			_exit(1);
		pause();
	}
	for (unsigned i = 0; i < 2; i++) {
		cgroup_hold(g, true);
		for (unsigned ms = 0; !frozen(&paths) && ms < 20000; ms++)
			usleep(1000);
		assert_int_equal(frozen(&paths), 1);
		if (i == 0)
			cgroup_hold(g, false);
		for (unsigned ms = 0; i == 0 && frozen(&paths) && ms < 20000; ms++)
			usleep(1000);
		assert_int_equal(frozen(&paths), i);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(cgroup_remove(g, &err), 0);
}

static void writes_memory_and_pids(void **state)
{
	(void)state;
	AUTO_STRV struct strv paths = STRV_INIT;
	struct err err = ERR_INIT;
	const struct run_limits l = {.memory = 64 * MIB, .pids = 33};
	struct cgroup *g = create(&l, &paths);
	assert_either(&paths, "memory.limit_in_bytes", "67108864", "memory.max", "67108864");
	assert_string_equal(value(&paths, "pids.max"), "33");
	assert_int_equal(cgroup_remove(g, &err), 0);
	STRV_FOREACH (path, &paths)
		assert_int_equal(access(*path, F_OK), -1);
}

static void writes_cpu(void **state)
{
	(void)state;
	AUTO_STRV struct strv paths = STRV_INIT;
	struct err err = ERR_INIT;
	const struct run_limits l = {
		.cpu_quota_us = 50000, .cpu_shares = 512, .cpuset_cpus = (char *)(uintptr_t) "0"};
	struct cgroup *g = create(&l, &paths);
	assert_either(&paths, "cpu.cfs_quota_us", "50000", "cpu.max", "50000 100000");
	assert_either(&paths, "cpu.shares", "512", "cpu.weight", "20");
	assert_string_equal(value(&paths, "cpuset.cpus"), "0");
	assert_int_equal(cgroup_remove(g, &err), 0);
}

static void refuses_what_makes_no_sense(void **state)
{
	(void)state;
	AUTO_STRV struct strv paths = STRV_INIT;
	struct cgroup *g;
	struct err err = ERR_INIT;
	const struct run_limits swap_only = {.memory_swap = MIB};
	assert_int_equal(cgroup_create(&swap_only, NULL, NULL, &g, &err), ERR_INVALID);
	const struct run_limits no_such_cpu = {.cpuset_cpus = (char *)(uintptr_t) "9999"};
	int r = cgroup_create(&no_such_cpu, note, &paths, &g, &err);
	assert_true(r == ERR_INVALID || r == ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "--cpuset-cpus"));
	STRV_FOREACH (path, &paths)
		assert_int_equal(access(*path, F_OK), -1);
}

static void reads_controller_lists(void **state)
{
	(void)state;
	assert_int_equal(controllers_parse("cpu,cpuacct", ','), CONTROLLER_CPU);
	assert_int_equal(controllers_parse("cpuset cpu io memory pids\n", ' '),
		CONTROLLER_CPU | CONTROLLER_CPUSET | CONTROLLER_MEMORY | CONTROLLER_PIDS);
	assert_int_equal(controllers_parse("", ' '), 0);
	assert_int_equal(controllers_parse("rw,memory2", ','), 0);
}

static void long_lists_end_at_a_whole_line(void **state)
{
	(void)state;
	char dir[] = "/tmp/mica-unit-XXXXXX";
	assert_non_null(mkdtemp(dir));
	AUTO_FREE char *path = path_join(dir, "procs");
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	(void)fputs("12\n3456\n78910\n", f);
	assert_int_equal(fclose(f), 0);
	static const struct {
		size_t n;
		const char *want;
	} cases[] = {{64, "12\n3456\n78910"}, {15, "12\n3456\n78910"}, {14, "12\n3456"},
		{12, "12\n3456"}, {9, "12\n3456"}, {8, "12"}};
	int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[64];
		assert_int_equal(cgroup_read(dirfd, "procs", text, cases[i].n), 0);
		assert_string_equal(text, cases[i].want);
	}
	close(dirfd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_limits_one_of_version_2_at_most),
		cmocka_unit_test(what_is_held_stands_still_and_can_be_killed),
		cmocka_unit_test(writes_memory_and_pids),
		cmocka_unit_test(writes_cpu),
		cmocka_unit_test(refuses_what_makes_no_sense),
		cmocka_unit_test(reads_controller_lists),
		cmocka_unit_test(long_lists_end_at_a_whole_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
