/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/job.h"
#include "base/landlock.h"
#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int says(void *arg, struct buf *out, struct err *err)
{
	(void)err;
	buf_addstr(out, arg);
	return 0;
}

static int fails(void *arg, struct buf *out, struct err *err)
{
	buf_addstr(out, "dropped");
	return err_set(err, ERR_CORRUPT, "%s is bad", (const char *)arg);
}

static int dies(void *arg, struct buf *out, struct err *err)
{
	(void)arg;
	(void)out;
	(void)err;
	raise(SIGKILL);
	return 0;
}

static int sleeps(void *arg, struct buf *out, struct err *err)
{
	(void)arg;
	(void)out;
	(void)err;
	pause();
	return 0;
}

static char word[] = "word";

static void a_job_gives_its_result(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_BUF struct buf out = BUF_INIT(100);
	assert_int_equal(job_run(says, word, &out, &err), 0);
	assert_string_equal(buf_str(&out), "word");
}

static void a_job_gives_its_error(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(job_run(fails, word, NULL, &err), ERR_CORRUPT);
	assert_string_equal(err.msg, "word is bad");
}

static void a_killed_job_is_named(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(job_run(dies, NULL, NULL, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "signal 9"));
}

static void a_job_can_be_cancelled(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct job job;
	assert_int_equal(job_start(&job, sleeps, NULL, &err), 0);
	assert_int_equal(job_collect(&job, false, NULL, &err), 1);
	pid_t pid = job.pid;
	job_cancel(&job);
	assert_int_equal(kill(pid, 0), -1);
}

static void a_program_runs_with_a_clean_environment(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_BUF struct buf out = BUF_INIT(1000);
	int status = -1;
	setenv("MICA_TEST_SECRET", "x", 1);
	AUTO_FREE char *env = proc_find("env");
	const char *argv[] = {"env", NULL};
	assert_int_equal(proc_run(env, argv, NULL, 1000, &out, &status, &err), 0);
	assert_int_equal(status, 0);
	assert_null(strstr(buf_str(&out), "MICA_TEST_SECRET"));
	AUTO_FREE char *cat = proc_find("cat");
	const char *cat_argv[] = {"cat", NULL};
	buf_clear(&out);
	assert_int_equal(proc_run(cat, cat_argv, "through", 1000, &out, &status, &err), 0);
	assert_string_equal(buf_str(&out), "through");
	assert_int_equal(proc_run(cat, cat_argv, "through", 3, &out, &status, &err), ERR_LIMIT);
}

static void a_missing_program_is_not_found(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	const char *argv[] = {"x", NULL};
	int status;
	assert_int_equal(
		proc_run("/nonexistent/x", argv, NULL, 10, NULL, &status, &err), ERR_NOT_FOUND);
	assert_null(proc_find("../bin/sh"));
	assert_null(proc_find("-x"));
}

static const char *last_error(int r)
{
	return r < 0 ? strerrorname_np(errno) : "fine";
}

/* In a job, since it is for good: what happens to a file in the directory, to links between two of
 * its directories, and to a file elsewhere. */
static int is_locked_in(void *arg, struct buf *out, struct err *err)
{
	int dir = open(arg, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (landlock_confine(dir, LANDLOCK_READ | LANDLOCK_WRITE, err) < 0)
		return err->code;
	buf_addf(out, "%s ", last_error(mkdirat(dir, "a", 0755)));
	buf_addf(out, "%s ", last_error(openat(dir, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644)));
	buf_addf(out, "%s ", last_error(linkat(dir, "f", dir, "a/f", 0)));
	buf_addf(out, "%s ", last_error(open("/etc/passwd", O_RDONLY | O_CLOEXEC)));
	buf_addf(out, "%s", last_error(faccessat(dir, "f", F_OK, 0)));
	return 0;
}

static int only_reads(void *arg, struct buf *out, struct err *err)
{
	const char *argv[] = {"true", NULL};
	struct err refused = ERR_INIT;
	int status, dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (landlock_confine(dir, LANDLOCK_READ, err) < 0 || chdir(arg) < 0)
		return err->code;
	buf_addf(out, "%s ", last_error(open("/etc/passwd", O_RDONLY | O_CLOEXEC)));
	buf_addf(out, "%s ", last_error(open("f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644)));
	buf_addf(out, "%s ", last_error(mkdir("d", 0755)));
	buf_addf(out, "%s",
		proc_run("/bin/true", argv, NULL, 10, NULL, &status, &refused) < 0 ? "refused"
										   : "ran");
	return 0;
}

static void files_are_locked_where_the_kernel_can(void **state)
{
	(void)state;
	char inside[] = "/tmp/mica-landlock-XXXXXX";
	struct err err = ERR_INIT;
	AUTO_BUF struct buf out = BUF_INIT(200);
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	assert_non_null(mkdtemp(inside));
	assert_int_equal(job_run(is_locked_in, inside, &out, &err), 0);
	assert_string_equal(buf_str(&out),
		version < 2 ? "fine fine fine fine fine" : "fine fine fine EACCES fine");
	buf_clear(&out);
	assert_int_equal(job_run(only_reads, inside, &out, &err), 0);
	if (version >= 1)
		assert_string_equal(buf_str(&out), "fine EACCES EACCES refused");
	AUTO_FD int top = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fs_remove_tree(top, inside + strlen("/tmp/"), &err), 0);
}

static int closes_one(void *arg, struct buf *out, struct err *err)
{
	(void)arg;
	(void)err;
	int a = dup(0), b = dup(0);
	buf_addf(out, "%d ", proc_close_fds((unsigned)b, (unsigned)b));
	buf_addf(out, "%s %s", last_error(fcntl(a, F_GETFD)), last_error(fcntl(b, F_GETFD)));
	return 0;
}

static void descriptors_are_closed(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_BUF struct buf out = BUF_INIT(100);
	assert_int_equal(job_run(closes_one, NULL, &out, &err), 0);
	assert_string_equal(buf_str(&out), "0 fine EBADF");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_gives_its_result),
		cmocka_unit_test(a_job_gives_its_error),
		cmocka_unit_test(a_killed_job_is_named),
		cmocka_unit_test(a_job_can_be_cancelled),
		cmocka_unit_test(a_program_runs_with_a_clean_environment),
		cmocka_unit_test(a_missing_program_is_not_found),
		cmocka_unit_test(files_are_locked_where_the_kernel_can),
		cmocka_unit_test(descriptors_are_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
