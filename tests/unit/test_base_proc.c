/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"

#include <signal.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_gives_its_result),
		cmocka_unit_test(a_job_gives_its_error),
		cmocka_unit_test(a_killed_job_is_named),
		cmocka_unit_test(a_job_can_be_cancelled),
		cmocka_unit_test(a_program_runs_with_a_clean_environment),
		cmocka_unit_test(a_missing_program_is_not_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
