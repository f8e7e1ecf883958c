/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run by a plain user with subordinate IDs this enters a user namespace and runs a sandbox in it.
 * As root it tests that nothing happens, and what a user without ranges is told.
 */
#include "tests/unit/unit.h"

#include "tests/unit/sandbox_fixture.h"

#include "run/userns.h"

#include <sys/wait.h>

static bool was_root;

static void root_stays_what_it_is(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	if (!was_root)
		skip_because("the tests do not run as root");
	pid_t before = getpid();
	assert_int_equal(userns_enter(&err), 0);
	assert_int_equal(getpid(), before);
	assert_false(userns_is_rootless());
}

static void a_user_without_ranges_is_told_what_to_do(void **state)
{
	(void)state;
	if (!was_root)
		skip_because("the tests do not run as root");
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err err = ERR_INIT;
		if (setresgid(64999, 64999, 64999) < 0 || setresuid(64999, 64999, 64999) < 0)
			_exit(1);
		int r = userns_enter(&err);
		_exit(r == ERR_UNSUPPORTED && write(fds[1], err.msg, strlen(err.msg)) > 0 ? 0 : 2);
	}
	int status;
	char msg[2048] = "";
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(read(fds[0], msg, sizeof(msg) - 1) > 0);
	assert_non_null(strstr(msg, "--add-subuids"));
	close(fds[0]);
	close(fds[1]);
}

static void a_user_is_root_inside_with_its_ranges(void **state)
{
	(void)state;
	if (was_root)
		skip_because("the tests run as root");
	assert_true(userns_is_rootless());
	assert_int_equal(geteuid(), 0);
	char dir[] = "/dev/shm/mica-test-XXXXXX";
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chown(dir, 1000, 1000), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void a_user_runs_sandboxes(void **state)
{
	(void)state;
	static struct image im;
	if (was_root)
		skip_because("the tests run as root");
	image_init(&im);
	static const enum run_network networks[] = {RUN_NETWORK_NONE, RUN_NETWORK_HOST};
	for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
		im.spec.network = networks[i];
		assert_int_equal(
			image_run(&im, "id -u; touch /f; chown 1000:1000 /f; stat -c %u:%g /f; "
				       "echo x > /dev/null && ls /sys/class >/dev/null && "
				       "grep -c overlay /proc/mounts; mkdir /sys/fs/cgroup/x "
				       "2>/dev/null || echo ro; rm /f"),
			0);
		assert_string_equal(im.out, "0\n1000:1000\n1\nro\n");
	}
	im.spec.user = xstrdup("joe");
	assert_int_equal(image_run(&im, "id; kill -TERM $$"), 143);
	assert_string_equal(im.out, "uid=1000(joe) gid=1000(joe) groups=50(staff),1000(joe)\n");
	image_done(&im);
}

int main(void)
{
	struct err err = ERR_INIT;
	was_root = geteuid() == 0;
	if (!was_root && userns_enter(&err) < 0) {
		printf("1..0 # SKIP %s\n", err.msg);
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_stays_what_it_is),
		cmocka_unit_test(a_user_without_ranges_is_told_what_to_do),
		cmocka_unit_test(a_user_is_root_inside_with_its_ranges),
		cmocka_unit_test(a_user_runs_sandboxes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
