/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/tree.h"

static void only_names_of_users_and_capabilities_travel(void **state)
{
	(void)state;
	assert_true(xattr_travels("user.x"));
	assert_true(xattr_travels("security.capability"));
	assert_false(xattr_travels("user."));
	assert_false(xattr_travels("user.overlay.opaque"));
	assert_false(xattr_travels("user.fuseoverlayfs.origin"));
	assert_false(xattr_travels("trusted.overlay.opaque"));
	assert_false(xattr_travels("trusted.x"));
	assert_false(xattr_travels("security.selinux"));
	assert_false(xattr_travels("system.posix_acl_access"));
	assert_false(xattr_travels(""));
}

static void attributes_are_read_sorted_by_descriptor_and_by_name(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	tree_text(t.fd, "f", "");
	char big[2000];
	memset(big, 'b', sizeof(big));
	struct err err = ERR_INIT;
	struct xattr set[] = {{(char[]){"user.z"}, big, sizeof(big)},
		{(char[]){"user.a"}, (char[]){"1\0002"}, 3}, {(char[]){"user.overlay.x"}, big, 1}};
	for (size_t i = 0; i < ARRAY_LEN(set); i++)
		assert_int_equal(xattr_set(t.fd, "f", &set[i], &err), 0);
	AUTO_FD int fd = openat(t.fd, "f", O_RDONLY);
	for (int by_fd = 0; by_fd < 2; by_fd++) {
		AUTO_XATTRS struct xattrs x = {0};
		assert_int_equal(
			by_fd ? xattrs_read(fd, "", &x, &err) : xattrs_read(t.fd, "f", &x, &err),
			0);
		assert_int_equal(x.n, 2);
		assert_string_equal(x.x[0].name, "user.a");
		assert_int_equal(x.x[0].len, 3);
		assert_memory_equal(x.x[0].value, "1\0002", 3);
		assert_string_equal(x.x[1].name, "user.z");
		assert_int_equal(x.x[1].len, sizeof(big));
	}
}

static void a_link_is_not_followed(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	tree_text(t.fd, "f", "");
	assert_int_equal(symlinkat("f", t.fd, "l"), 0);
	struct err err = ERR_INIT;
	struct xattr x = {(char[]){"user.a"}, (char[]){"1"}, 1};
	assert_int_equal(xattr_set(t.fd, "f", &x, &err), 0);
	AUTO_XATTRS struct xattrs got = {0};
	assert_int_equal(xattrs_read(t.fd, "l", &got, &err), 0);
	assert_int_equal(got.n, 0);
	assert_true(xattr_set(t.fd, "l", &x, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_names_of_users_and_capabilities_travel),
		cmocka_unit_test(attributes_are_read_sorted_by_descriptor_and_by_name),
		cmocka_unit_test(a_link_is_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
