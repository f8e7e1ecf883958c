/* SPDX-License-Identifier: Apache-2.0 */
/* Layers read as one tree, and what a step left compared with it. */
#include "tests/unit/unit.h"

#include "layers/merged.h"
#include "layers/settle.h"
#include "layers/whiteout.h"
#include "tests/unit/tars.h"

static const struct timespec later = {.tv_sec = 4000000000};

static int sub_dir(int dirfd, const char *name)
{
	assert_true(mkdirat(dirfd, name, 0755) == 0);
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	return fd;
}

static void upper_layers_hide_lower_ones(void **state)
{
	(void)state;
	struct tree t = tree_new();
	int lower[3] = {tree_sub(&t, "top"), tree_sub(&t, "middle"), tree_sub(&t, "bottom")};
	AUTO_FD int bottom_d = sub_dir(lower[2], "d");
	AUTO_FD int bottom_o = sub_dir(lower[2], "o");
	AUTO_FD int middle_d = sub_dir(lower[1], "d");
	AUTO_FD int middle_o = sub_dir(lower[1], "o");
	tree_text(lower[2], "gone", "1");
	tree_text(bottom_d, "b", "1");
	tree_text(bottom_d, "both", "1");
	tree_text(bottom_o, "hidden", "1");
	tree_text(middle_d, "both", "22");
	tree_text(middle_o, "shown", "1");
	if (whiteout_make(lower[0], "gone") < 0)
		skip_because("whiteouts cannot be made here");
	assert_int_equal(whiteout_set_opaque(middle_o), 0);

	struct err err = ERR_INIT;
	AUTO_MERGED struct merged root = {0}, d = {0}, o = {0}, none = {0};
	AUTO_STRV struct strv names = STRV_INIT, names_d = STRV_INIT, names_o = STRV_INIT;
	struct stat st;
	size_t at;
	assert_int_equal(merged_root(lower, 3, &root, &err), 0);
	assert_int_equal(merged_names(&root, &names, &err), 0);
	assert_int_equal(names.n, 2);
	assert_false(merged_stat(&root, "gone", &st, &at));
	assert_int_equal(merged_enter(&root, "d", &d, &err), 0);
	assert_int_equal(merged_names(&d, &names_d, &err), 0);
	assert_int_equal(names_d.n, 2);
	assert_true(merged_stat(&d, "both", &st, &at));
	assert_int_equal(st.st_size, 2);
	assert_int_equal(merged_enter(&root, "o", &o, &err), 0);
	assert_int_equal(merged_names(&o, &names_o, &err), 0);
	assert_int_equal(names_o.n, 1);
	assert_string_equal(names_o.v[0], "shown");
	assert_int_equal(merged_enter(&root, "gone", &none, &err), 0);
	assert_int_equal(none.n, 0);
	for (size_t i = 0; i < 3; i++)
		close(lower[i]);
	tree_done(&t);
}

/* Copies name, as overlayfs copies up. */
static void copy_up(int from, int to, const char *name, const char *text)
{
	struct stat st;
	tree_text(to, name, text);
	assert_int_equal(fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	const struct timespec times[2] = {st.st_mtim, st.st_mtim};
	assert_int_equal(utimensat(to, name, times, 0), 0);
}

static void only_what_differs_stays(void **state)
{
	(void)state;
	struct tree t = tree_new();
	int lower = tree_sub(&t, "lower");
	struct snapshot snap = {.lower = &lower,
		.n_lower = 1,
		.upper = tree_sub(&t, "upper"),
		.work = tree_sub(&t, "work")};
	tree_text(lower, "same", "text");
	tree_text(lower, "other", "text");
	copy_up(lower, snap.upper, "same", "text");
	copy_up(lower, snap.upper, "other", "TEXT"); /* same size, same times */
	tree_text(snap.upper, "new", "text");
	AUTO_FD int old_dir = sub_dir(lower, "d");
	AUTO_FD int dir = sub_dir(snap.upper, "d");
	struct stat st;
	assert_int_equal(fstat(old_dir, &st), 0);
	const struct timespec times[2] = {st.st_mtim, st.st_mtim};
	assert_int_equal(futimens(dir, times), 0);
	AUTO_FD int fresh = sub_dir(snap.upper, "fresh");
	bool marks = whiteout_set_opaque(fresh) == 0;

	struct err err = ERR_INIT;
	struct timespec never = {0};
	assert_int_equal(snapshot_settle(&snap, never, &err), 0);
	assert_int_equal(faccessat(snap.upper, "same", F_OK, 0), 0);
	assert_int_equal(snapshot_settle(&snap, later, &err), 0);
	assert_int_equal(faccessat(snap.upper, "same", F_OK, 0), -1);
	assert_int_equal(faccessat(snap.upper, "d", F_OK, 0), -1);
	assert_int_equal(faccessat(snap.upper, "other", F_OK, 0), 0);
	assert_int_equal(faccessat(snap.upper, "new", F_OK, 0), 0);
	if (marks)
		assert_false(whiteout_is_opaque(fresh));
	close(lower);
	close(snap.upper);
	close(snap.work);
	tree_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upper_layers_hide_lower_ones),
		cmocka_unit_test(only_what_differs_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
