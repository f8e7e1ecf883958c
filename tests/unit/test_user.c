/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "run/user.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static int root;

static void put(const char *name, const char *text)
{
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mica-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n#comment\n\nbad "
			  "line\ndaemon:x:1:1::/usr/sbin:/bin/false\n1000:x:0:0::/"
			  ":\njoe:x:2000:2001::/home/joe\n"
			  "nohome:x:7:7::relative:\nneg:x:-1:5::/:\n+1:x:0:0::/:\n");
	put("etc/group", "root:x:0:\ndaemon:x:1:\nbin:x:2:\nlp:x:7:\njoe:x:2001:\nstaff:x:50:"
			 "joe\nusers:x:100:x,joe\nnot:x:101:joey,xjoe\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	close(root);
	return fs_remove_tree(AT_FDCWD, dir, &err);
}

static void assert_user(const char *spec, uid_t uid, gid_t gid, size_t n_groups)
{
	struct user u;
	struct err err = ERR_INIT;
	assert_int_equal(user_resolve(root, spec, &u, &err), 0);
	assert_int_equal(u.uid, uid);
	assert_int_equal(u.gid, gid);
	assert_int_equal(u.n_groups, n_groups);
	assert_int_equal(u.groups[0], gid);
}

static void assert_refused(const char *spec, int code)
{
	struct user u;
	struct err err = ERR_INIT;
	assert_int_equal(user_resolve(root, spec, &u, &err), code);
}

static void resolves_names_and_numbers(void **state)
{
	(void)state;
	assert_user("", 0, 0, 1);
	assert_user("daemon", 1, 1, 1);
	assert_user("daemon:bin", 1, 2, 1);
	assert_user("12:34", 12, 34, 1);
	assert_user("12", 12, 0, 1);
	assert_user(":lp", 0, 7, 1);
	assert_user("2000", 2000, 2001, 3);
	assert_user("01", 1, 1, 1);
	assert_user("1:", 1, 1, 1);
	assert_user("4294967294", 4294967294U, 0, 1);
}

static void collects_supplementary_groups_unless_a_group_is_given(void **state)
{
	(void)state;
	struct user u;
	struct err err = ERR_INIT;
	assert_int_equal(user_resolve(root, "joe", &u, &err), 0);
	assert_int_equal(u.n_groups, 3);
	assert_int_equal(u.groups[1], 50);
	assert_int_equal(u.groups[2], 100);
	assert_user("joe:joe", 2000, 2001, 1);
}

static void never_takes_a_number_for_a_name(void **state)
{
	(void)state;
	assert_user(
		"1000", 1000, 0, 1); /* CVE-2016-3697: there is a user with this name and uid 0 */
}

static void refuses_what_is_neither(void **state)
{
	(void)state;
	assert_refused("4294967295", ERR_INVALID);
	assert_refused("4294967296", ERR_INVALID);
	assert_refused("99999999999999999999", ERR_INVALID);
	assert_refused("0:4294967295", ERR_INVALID);
	assert_refused("-1", ERR_NOT_FOUND);
	assert_refused(" 1", ERR_NOT_FOUND);
	assert_refused("neg", ERR_NOT_FOUND);
	assert_refused("bad line", ERR_NOT_FOUND);
	assert_refused("daemon:nogroup", ERR_NOT_FOUND);
	assert_refused("a:b:c", ERR_INVALID);
}

static void finds_the_home_directory(void **state)
{
	(void)state;
	struct user u;
	struct err err = ERR_INIT;
	assert_int_equal(user_resolve(root, "joe", &u, &err), 0);
	assert_string_equal(u.home, "/home/joe");
	assert_string_equal(u.name, "joe");
	assert_int_equal(user_resolve(root, "nohome", &u, &err), 0);
	assert_string_equal(u.home, "/");
	assert_int_equal(user_resolve(root, "4242", &u, &err), 0);
	assert_string_equal(u.home, "/");
}

static void resolves_owners_for_copy(void **state)
{
	(void)state;
	uid_t uid;
	gid_t gid;
	struct err err = ERR_INIT;
	assert_int_equal(user_resolve_chown(root, "55", &uid, &gid, NULL, &err), 0);
	assert_true(uid == 55 && gid == 55);
	assert_int_equal(user_resolve_chown(root, "joe", &uid, &gid, NULL, &err), 0);
	assert_true(uid == 2000 && gid == 2001);
	assert_int_equal(user_resolve_chown(root, "joe:bin", &uid, &gid, NULL, &err), 0);
	assert_true(uid == 2000 && gid == 2);
	assert_int_equal(user_resolve_chown(root, "3:4", &uid, &gid, NULL, &err), 0);
	assert_true(uid == 3 && gid == 4);
}

/* As BuildKit has it. */
static void takes_root_for_unknown_owners(void **state)
{
	(void)state;
	static const struct {
		const char *spec;
		unsigned uid, gid;
		bool unknown;
	} cases[] = {
		{":bin", 0, 2, false},
		{"joe:", 2000, 0, false},
		{"7:", 7, 0, false},
		{"ghost", 0, 0, true},
		{"ghost:bin", 0, 2, true},
		{"joe:ghost", 2000, 2001, true},
		{"1:2:3", 1, 1, true},
		{"root", 0, 0, false},
		{"7:root", 7, 0, false},
		{"+7", 7, 7, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uid_t uid = 99;
		gid_t gid = 99;
		struct err err = ERR_INIT;
		AUTO_FREE char *unknown = NULL;
		assert_int_equal(
			user_resolve_chown(root, cases[i].spec, &uid, &gid, &unknown, &err), 0);
		if (uid != cases[i].uid || gid != cases[i].gid || !unknown == cases[i].unknown)
			fail_msg("'%s' is %u:%u (%s)", cases[i].spec, uid, gid,
				unknown ? unknown : "known");
	}
}

static void works_without_account_files(void **state)
{
	(void)state;
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	assert_int_equal(unlinkat(root, "etc/group", 0), 0);
	assert_user("", 0, 0, 1);
	assert_user("5:6", 5, 6, 1);
	assert_refused("root", ERR_NOT_FOUND);
}

/* cve: GHSA-72x6-4j93-7w86 CVE-2026-47262 CVE-2024-9676 CVE-2026-61711 CVE-2026-61712 */
static void does_not_hang_on_or_swallow_strange_files(void **state)
{
	(void)state;
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(root, "etc/passwd", 0644), 0);
	assert_refused("joe", ERR_INVALID);
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	assert_int_equal(symlinkat("/proc/self/environ", root, "etc/passwd"), 0);
	assert_refused("joe", ERR_NOT_FOUND);
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	int fd = openat(root, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, 4LL << 30), 0);
	close(fd);
	assert_refused("joe", ERR_LIMIT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(resolves_names_and_numbers),
		CASE(collects_supplementary_groups_unless_a_group_is_given),
		CASE(never_takes_a_number_for_a_name),
		CASE(refuses_what_is_neither),
		CASE(finds_the_home_directory),
		CASE(resolves_owners_for_copy),
		CASE(takes_root_for_unknown_owners),
		CASE(works_without_account_files),
		CASE(does_not_hang_on_or_swallow_strange_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
