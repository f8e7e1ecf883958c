/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/stream.h"
#include "layers/apply.h"
#include "layers/diff.h"
#include "layers/whiteout.h"
#include "tests/unit/tree.h"

struct stacked {
	struct tree t;
	int low, top, below, to;
};

static struct stacked stacked_new(void)
{
	if (!tree_privileged())
		skip_because("whiteouts are devices, which only root can make");
	struct stacked s = {.t = tree_new()};
	s.low = tree_sub(&s.t, "low");
	s.top = tree_sub(&s.t, "top");
	s.below = tree_sub(&s.t, "below");
	s.to = tree_sub(&s.t, "to");
	return s;
}

static void stacked_done(struct stacked *s)
{
	close(s->low);
	close(s->top);
	close(s->below);
	close(s->to);
	tree_done(&s->t);
}

/* The layers as one, unpacked to see it. */
static void merge(struct stacked *s, bool with_below)
{
	struct err err = ERR_INIT;
	const int layers[] = {s->top, s->low};
	const struct diff_opts opts = {.compression = COMPRESSION_NONE};
	const struct apply_opts plain = {0};
	AUTO_FD int tar = memfd_create("layer", MFD_CLOEXEC), ignored = open("/dev/null", O_WRONLY);
	AUTO_WRITER struct writer *w = writer_to_fd(tar, "tar");
	AUTO_WRITER struct writer *nowhere = writer_to_fd(ignored, "nowhere");
	struct layer layer, again;
	if (layer_diff_stacked(layers, 2, with_below ? s->below : -1, &opts, w, &layer, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(lseek(tar, 0, SEEK_SET), 0);
	AUTO_READER struct reader *r = reader_from_fd(tar, "tar");
	if (layer_apply(r, s->to, &plain, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	/* in the form that one layer has */
	if (layer_diff(s->to, &opts, nowhere, &again, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(digest_equal(&layer.diff_id, &again.diff_id));
	assert_int_equal(layer.entries, again.entries);
}

static bool is_whiteout(int dirfd, const char *path)
{
	struct stat st = tree_stat(dirfd, path);
	return S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

static bool is_opaque(int dirfd, const char *path)
{
	AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY);
	return whiteout_is_opaque(fd);
}

static void set_opaque(int dirfd, const char *path)
{
	AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(whiteout_set_opaque(fd), 0);
}

static void the_topmost_file_stays_and_directories_become_one(void **state)
{
	(void)state;
	struct stacked s = stacked_new();
	assert_int_equal(mkdirat(s.low, "d", 0755), 0);
	assert_int_equal(mkdirat(s.top, "d", 0700), 0);
	tree_text(s.low, "d/old", "old");
	tree_text(s.low, "d/both", "low");
	tree_text(s.top, "d/both", "top");
	assert_int_equal(linkat(s.low, "d/old", s.low, "twin", 0), 0);
	tree_time(s.top, "d", 1000, 7);
	merge(&s, false);
	AUTO_FREE char *both = tree_read(s.to, "d/both"), *old = tree_read(s.to, "d/old");
	assert_string_equal(both, "top");
	assert_string_equal(old, "old");
	struct stat d = tree_stat(s.to, "d"), a = tree_stat(s.to, "twin"),
		    b = tree_stat(s.to, "d/old");
	assert_int_equal(d.st_mode & 07777, 0700);
	assert_int_equal(d.st_mtim.tv_sec, 1000);
	assert_int_equal(d.st_mtim.tv_nsec, 7);
	assert_int_equal(a.st_ino, b.st_ino);
	stacked_done(&s);
}

static void names_of_all_layers_are_in_one_order(void **state)
{
	(void)state;
	struct stacked s = stacked_new();
	const char *const low[] = {"a.b", "a0", "a/c", "b"}, *const top[] = {"a/b", "a/d.e", "a/d"};
	assert_int_equal(mkdirat(s.low, "a", 0755), 0);
	assert_int_equal(mkdirat(s.top, "a", 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(low); i++)
		tree_text(s.low, low[i], low[i]);
	for (size_t i = 0; i < ARRAY_LEN(top); i++)
		tree_text(s.top, top[i], top[i]);
	assert_int_equal(linkat(s.low, "a/c", s.low, "a/z", 0), 0);
	merge(&s, false);
	for (size_t i = 0; i < ARRAY_LEN(low); i++)
		assert_true(tree_has(s.to, low[i]));
	/* the layers are as they were: a command that sees them counts their names */
	assert_int_equal(tree_stat(s.low, "b").st_nlink, 1);
	assert_int_equal(tree_stat(s.low, "a/c").st_nlink, 2);
	stacked_done(&s);
}

static void a_whiteout_stays_when_it_hides_something_below(void **state)
{
	(void)state;
	struct stacked s = stacked_new();
	tree_text(s.low, "made", "");
	tree_text(s.below, "base", "");
	assert_int_equal(whiteout_make(s.top, "made"), 0);
	assert_int_equal(whiteout_make(s.top, "base"), 0);
	merge(&s, true);
	assert_false(tree_has(s.to, "made"));
	assert_true(is_whiteout(s.to, "base"));
	stacked_done(&s);
}

static void nothing_below_leaves_no_whiteout(void **state)
{
	(void)state;
	struct stacked s = stacked_new();
	assert_int_equal(mkdirat(s.top, "d", 0755), 0);
	set_opaque(s.top, "d");
	assert_int_equal(whiteout_make(s.top, "gone"), 0);
	merge(&s, false);
	assert_false(tree_has(s.to, "gone"));
	assert_false(is_opaque(s.to, "d"));
	stacked_done(&s);
}

static void a_directory_in_the_place_of_something_hides_what_is_below(void **state)
{
	(void)state;
	struct stacked s = stacked_new();
	/* removed in one step and made again in the next; opaque; and a file in between */
	const char *const dirs[] = {"again", "opaque", "file"};
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		assert_int_equal(mkdirat(s.top, dirs[i], 0755), 0);
		assert_int_equal(mkdirat(s.below, dirs[i], 0755), 0);
	}
	assert_int_equal(whiteout_make(s.low, "again"), 0);
	set_opaque(s.top, "opaque");
	assert_int_equal(mkdirat(s.low, "opaque", 0755), 0);
	tree_text(s.low, "opaque/hidden", "");
	tree_text(s.low, "file", "");
	assert_int_equal(mkdirat(s.top, "new", 0755), 0);
	set_opaque(s.top, "new");
	merge(&s, true);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_true(is_opaque(s.to, dirs[i]));
	assert_false(tree_has(s.to, "opaque/hidden"));
	assert_false(is_opaque(s.to, "new"));
	stacked_done(&s);
}

static void a_link_in_a_layer_is_no_way_out(void **state)
{
	(void)state;
	struct stacked s = stacked_new();
	AUTO_TREE struct tree out = tree_new();
	assert_int_equal(symlinkat(out.path, s.low, "d"), 0);
	assert_int_equal(mkdirat(s.top, "d", 0755), 0);
	tree_text(s.top, "d/x", "");
	assert_int_equal(symlinkat(out.path, s.below, "d"), 0);
	merge(&s, true);
	assert_true(S_ISDIR(tree_stat(s.to, "d").st_mode));
	assert_false(tree_has(out.fd, "x"));
	stacked_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_topmost_file_stays_and_directories_become_one),
		cmocka_unit_test(names_of_all_layers_are_in_one_order),
		cmocka_unit_test(a_whiteout_stays_when_it_hides_something_below),
		cmocka_unit_test(nothing_below_leaves_no_whiteout),
		cmocka_unit_test(a_directory_in_the_place_of_something_hides_what_is_below),
		cmocka_unit_test(a_link_in_a_layer_is_no_way_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
