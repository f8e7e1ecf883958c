/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "layers/fold.h"
#include "layers/whiteout.h"
#include "tests/unit/tree.h"

struct folded {
	struct tree t;
	int lower, upper, fresh;
};

static struct folded folded_new(void)
{
	struct folded f = {.t = tree_new()};
	f.lower = tree_sub(&f.t, "lower");
	f.upper = tree_sub(&f.t, "upper");
	f.fresh = tree_sub(&f.t, "fresh");
	return f;
}

static void folded_done(struct folded *f)
{
	close(f->lower);
	close(f->upper);
	close(f->fresh);
	tree_done(&f->t);
}

static int sub_of(int dirfd, const char *name)
{
	assert_int_equal(mkdirat(dirfd, name, 0755), 0);
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void fold(struct folded *f)
{
	struct err err = ERR_INIT;
	if (fold_end(f->fresh, f->upper, &f->lower, 1, &err) < 0)
		fail_msg("%s", err.msg);
}

static void assert_text(int dirfd, const char *path, const char *text)
{
	AUTO_FREE char *is = tree_read(dirfd, path);
	assert_string_equal(is, text);
}

static void names_take_their_places_and_others_stay(void **state)
{
	(void)state;
	struct folded f = folded_new();
	AUTO_FD int upper_d = sub_of(f.upper, "d");
	AUTO_FD int fresh_d = sub_of(f.fresh, "d");
	AUTO_FD int fresh_new = sub_of(f.fresh, "new");
	tree_text(f.upper, "kept", "1");
	tree_text(f.upper, "both", "1");
	tree_text(upper_d, "kept", "1");
	tree_text(upper_d, "both", "1");
	tree_text(f.fresh, "both", "2");
	tree_text(fresh_d, "both", "2");
	tree_text(fresh_d, "more", "2");
	tree_text(fresh_new, "f", "2");
	assert_int_equal(linkat(fresh_new, "f", fresh_d, "link", 0), 0);
	fold(&f);
	assert_text(f.upper, "kept", "1");
	assert_text(f.upper, "both", "2");
	assert_text(f.upper, "d/kept", "1");
	assert_text(f.upper, "d/both", "2");
	assert_text(f.upper, "d/more", "2");
	assert_int_equal(tree_stat(f.upper, "d/link").st_ino, tree_stat(f.upper, "new/f").st_ino);
	folded_done(&f);
}

static void a_directory_is_then_as_it_was_made(void **state)
{
	(void)state;
	struct folded f = folded_new();
	struct err err = ERR_INIT;
	assert_int_equal(close(sub_of(f.upper, "d")), 0);
	assert_int_equal(fchmod(f.upper, 0751), 0);
	tree_time(f.upper, ".", 1000, 0);
	assert_int_equal(fold_begin(f.upper, f.fresh, &err), 0);
	assert_int_equal(tree_stat(f.fresh, ".").st_mode & 07777, 0751);
	assert_int_equal(tree_stat(f.fresh, ".").st_mtim.tv_sec, 1000);
	AUTO_FD int fresh_d = sub_of(f.fresh, "d");
	tree_text(fresh_d, "f", "2");
	assert_int_equal(fchmod(fresh_d, 01700), 0);
	tree_time(f.fresh, "d", 2000, 7);
	tree_time(f.fresh, ".", 3000, 0);
	fold(&f);
	assert_int_equal(tree_stat(f.upper, "d").st_mode & 07777, 01700);
	assert_int_equal(tree_stat(f.upper, "d").st_mtim.tv_sec, 2000);
	assert_int_equal(tree_stat(f.upper, "d").st_mtim.tv_nsec, 7);
	assert_int_equal(tree_stat(f.upper, ".").st_mtim.tv_sec, 3000);
	/* what could not go on at first goes on */
	tree_text(fresh_d, "late", "2");
	tree_time(f.fresh, "d", 2000, 7);
	fold(&f);
	assert_text(f.upper, "d/late", "2");
	assert_int_equal(tree_stat(f.upper, "d").st_mtim.tv_sec, 2000);
	folded_done(&f);
}

static void what_takes_the_place_of_a_whiteout_hides_as_much(void **state)
{
	(void)state;
	struct folded f = folded_new();
	if (whiteout_make(f.upper, "d") < 0)
		skip_because("whiteouts cannot be made here");
	AUTO_FD int fresh_d = sub_of(f.fresh, "d");
	AUTO_FD int upper_gone = sub_of(f.upper, "gone");
	close(sub_of(f.lower, "d"));
	tree_text(f.lower, "gone", "0");
	tree_text(f.lower, "elsewhere", "0");
	tree_text(fresh_d, "f", "2");
	tree_text(upper_gone, "f", "1");
	assert_int_equal(whiteout_make(f.fresh, "gone"), 0);
	assert_int_equal(whiteout_make(f.fresh, "elsewhere"), 0);
	fold(&f);
	assert_text(f.upper, "d/f", "2");
	AUTO_FD int d = openat(f.upper, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(whiteout_is_opaque(d));
	struct stat st = tree_stat(f.upper, "gone");
	assert_true(whiteout_is(f.upper, "gone", &st));
	st = tree_stat(f.upper, "elsewhere");
	assert_true(whiteout_is(f.upper, "elsewhere", &st));
	folded_done(&f);
}

static void what_no_layer_below_has_is_not_hidden(void **state)
{
	(void)state;
	struct folded f = folded_new();
	if (whiteout_make(f.upper, "w") < 0)
		skip_because("whiteouts cannot be made here");
	AUTO_FD int lower_d = sub_of(f.lower, "d");
	AUTO_FD int upper_d = sub_of(f.upper, "d");
	AUTO_FD int upper_own = sub_of(f.upper, "own");
	AUTO_FD int upper_sub = sub_of(upper_own, "sub");
	AUTO_FD int fresh_new = sub_of(f.fresh, "new");
	AUTO_FD int fresh_d = sub_of(f.fresh, "d");
	AUTO_FD int fresh_own = sub_of(f.fresh, "own");
	tree_text(lower_d, "both", "0");
	tree_text(upper_d, "both", "1");
	tree_text(upper_d, "more", "1");
	tree_text(upper_sub, "f", "1");
	tree_text(f.upper, "new", "1");
	assert_int_equal(whiteout_make(fresh_d, "both"), 0);
	assert_int_equal(whiteout_make(fresh_d, "more"), 0);
	assert_int_equal(whiteout_make(fresh_own, "sub"), 0);
	tree_time(f.fresh, "own", 2000, 0);
	fold(&f);
	struct stat st = tree_stat(f.upper, "d/both");
	assert_true(whiteout_is(upper_d, "both", &st));
	assert_false(tree_has(f.upper, "d/more"));
	assert_false(tree_has(f.upper, "own/sub"));
	assert_int_equal(tree_stat(f.upper, "own").st_mtim.tv_sec, 2000);
	assert_true(S_ISDIR(tree_stat(f.upper, "new").st_mode));
	assert_false(whiteout_is_opaque(fresh_new));
	folded_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_take_their_places_and_others_stay),
		cmocka_unit_test(a_directory_is_then_as_it_was_made),
		cmocka_unit_test(what_takes_the_place_of_a_whiteout_hides_as_much),
		cmocka_unit_test(what_no_layer_below_has_is_not_hidden),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
