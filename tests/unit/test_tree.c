/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/strv.h"
#include "store/dir_list.h"
#include "tests/unit/store_fixture.h"

static int publish(struct store *s, struct txn *t, const char *content, const struct digest *d)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *name = NULL;
	AUTO_FD int fd = -1;
	assert_int_equal(txn_mkdir(t, "up", &name, &fd, &err), 0);
	if (content)
		assert_int_equal(
			fs_write_file(fd, "file", content, strlen(content), 0644, false, &err), 0);
	return tree_publish(s, t, name, d, &err);
}

static char *content(struct store *s, const struct digest *d)
{
	struct err err = ERR_INIT;
	AUTO_FD int fd = -1;
	char *text = NULL;
	assert_int_equal(tree_open(s, d, &fd, &err), 0);
	if (fs_read_file(fd, "file", 100, &text, NULL, &err) < 0)
		return xstrdup("(none)");
	return text;
}

static void the_first_one_stays(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct txn *t;
	struct digest d = digest_of("x", 1), empty = digest_of("y", 1);
	assert_int_equal(txn_begin(s, &t, &err), 0);
	assert_int_equal(publish(s, t, "one", &d), 0);
	assert_int_equal(publish(s, t, "two", &d), 0);
	/* an empty directory is a layer, too */
	assert_int_equal(publish(s, t, NULL, &empty), 0);
	assert_int_equal(publish(s, t, "two", &empty), 0);
	txn_end(t);
	AUTO_FREE char *got = content(s, &d), *none = content(s, &empty);
	assert_string_equal(got, "one");
	assert_string_equal(none, "(none)");
	AUTO_STRV struct strv tmp = STRV_INIT;
	assert_int_equal(dir_list(store_fd(s), "tmp", &tmp, &err), 0);
	assert_int_equal(tmp.n, 0);
}

static void removing_takes_all_of_it(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct txn *t;
	int fd;
	struct digest d = digest_of("x", 1);
	assert_int_equal(txn_begin(s, &t, &err), 0);
	assert_int_equal(publish(s, t, "one", &d), 0);
	txn_end(t);
	assert_true(tree_has(s, &d));
	assert_int_equal(tree_remove(s, &d, &err), 0);
	assert_false(tree_has(s, &d));
	assert_int_equal(tree_open(s, &d, &fd, &err), ERR_NOT_FOUND);
	assert_int_equal(tree_remove(s, &d, &err), 0);
	AUTO_STRV struct strv tmp = STRV_INIT;
	assert_int_equal(dir_list(store_fd(s), "tmp", &tmp, &err), 0);
	assert_int_equal(tmp.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(the_first_one_stays),
		STORE_TEST(removing_takes_all_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
