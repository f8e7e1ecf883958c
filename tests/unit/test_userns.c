/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run by a plain user with subordinate IDs this enters a user namespace and runs a sandbox in it.
 * As root it tests that nothing happens, and what becomes of a user without ranges.
 */
#include "tests/unit/unit.h"

#include "tests/unit/sandbox_fixture.h"

#include "base/owner.h"
#include "run/mode.h"
#include "run/userns.h"

#include <fcntl.h>
#include <sys/stat.h>
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

static bool has_owner(const struct stat *st, uid_t uid, gid_t gid)
{
	return st->st_uid == uid && st->st_gid == gid;
}

/* Of a directory: both, one, and those of root, which need not be said. */
static bool keeps_owners(int fd)
{
	struct stat st;
	if (owner_set(fd, 1000, 50) < 0 || owner_stat(fd, &st) < 0 || !has_owner(&st, 1000, 50))
		return false;
	if (owner_set(fd, (uid_t)-1, 7) < 0 || owner_stat(fd, &st) < 0 ||
		!has_owner(&st, 1000, 7) || !owner_is_said(fd))
		return false;
	return owner_set(fd, 0, 0) == 0 && !owner_is_said(fd);
}

/* One that was said of, and the other that somebody else tells. */
static bool completes_owners(int fd)
{
	struct stat st;
	if (owner_say(fd, 1000, (gid_t)-1) < 0 || owner_stat(fd, &st) < 0 ||
		!has_owner(&st, 1000, 0))
		return false;
	if (owner_complete(fd, 7, 50) < 0 || owner_complete(fd, 8, 9) < 0 ||
		owner_stat(fd, &st) < 0 || !has_owner(&st, 1000, 50))
		return false;
	return owner_set(fd, 0, 0) == 0 && owner_say(fd, 0, 0) == 0 &&
	       owner_complete(fd, 8, 9) == 0 && owner_stat(fd, &st) == 0 && has_owner(&st, 0, 0) &&
	       owner_set(fd, 0, 0) == 0;
}

/* Of what has no attributes: in its directory's. */
static bool keeps_owner_of_link(int fd)
{
	struct stat st;
	return symlinkat("x", fd, "link") == 0 && owner_set_at(fd, "link", 5, 6) == 0 &&
	       owner_stat_at(fd, "link", &st) == 0 && has_owner(&st, 5, 6) &&
	       unlinkat(fd, "link", 0) == 0;
}

/* In a child: who is in a user namespace cannot come out. */
static int as_nobody_else(void)
{
	struct err err = ERR_INIT;
	char dir[] = "/dev/shm/mica-test-XXXXXX";
	if (setresgid(64999, 64999, 64999) < 0 || setresuid(64999, 64999, 64999) < 0)
		return 1;
	if (userns_enter(&err) < 0 || mode_is() != MODE_SINGLE || geteuid() != 0)
		return 2;
	if (!strstr(mode_reason(), "--add-subuids") || !owner_is_kept() || !mkdtemp(dir))
		return 3;
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	int r = !keeps_owner_of_link(fd) ? 4
	        : !keeps_owners(fd)      ? 5
	        : !completes_owners(fd)  ? 6
	                                 : 0;
	return rmdir(dir) < 0 ? 7 : r;
}

static void a_user_without_ranges_is_alone_and_keeps_owners(void **state)
{
	(void)state;
	if (!was_root)
		skip_because("the tests do not run as root");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(as_nobody_else());
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
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
		cmocka_unit_test(a_user_without_ranges_is_alone_and_keeps_owners),
		cmocka_unit_test(a_user_is_root_inside_with_its_ranges),
		cmocka_unit_test(a_user_runs_sandboxes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
