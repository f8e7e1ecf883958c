/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "layers/diff.h"
#include "layers/verify.h"
#include "layers/whiteout.h"
#include "tests/unit/tars.h"

static void verify(const struct tar *a, int dirfd, struct strv *problems)
{
	struct err err = ERR_INIT;
	AUTO_READER struct reader *r = reader_from_mem(a->mem.data.data, a->mem.data.len);
	if (layer_verify(r, dirfd, problems, &err) < 0)
		fail_msg("%s", err.msg);
}

static void assert_clean(const struct tar *a, int dirfd)
{
	AUTO_STRV struct strv problems = STRV_INIT;
	verify(a, dirfd, &problems);
	if (problems.n)
		fail_msg("%s", problems.v[0]);
}

/* An archive with one of everything, in a careless order. */
static void sample(struct tar *a)
{
	tar_init(a);
	struct xattr x = {(char[]){"user.k"}, (char[]){"v"}, 1};
	tar_dir(a, ".", 0755);
	tar_file(a, "./usr/bin/tool", "content");
	tar_dir(a, "usr", 0750);
	tar_link(a, "bin", "usr/bin");
	tar_file(a, "bin/other", "through the link");
	tar_hardlink(a, "hard", "/bin/tool");
	struct tar_entry e = {.path = "attr",
		.mode = S_IFREG | 04711,
		.uid = 3,
		.gid = 4,
		.mtime = 77,
		.mtime_ns = 5,
		.xattrs = &x,
		.n_xattrs = 1,
		.size = 3};
	tar_entry(a, &e, "abc");
	tar_file(a, ".wh.gone", "");
	tar_dir(a, "opaque", 0755);
	tar_file(a, "opaque/.wh..wh..opq", "");
	tar_file(a, "twice", "first");
	tar_file(a, "twice", "second");
	tar_dir(a, "becomes-file", 0755);
	tar_file(a, "becomes-file/x", "x");
	tar_file(a, "becomes-file", "now");
	tar_file(a, "becomes-dir", "x");
	tar_dir(a, "becomes-dir", 0755);
	tar_device(a, "null", S_IFCHR | 0666, 1, 3);
	tar_file(a, "last", "has the latest time");
}

static void what_was_unpacked_is_clean(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	sample(&a);
	struct tar_entry e = {.path = "late", .mode = S_IFREG, .mtime = 1600000000};
	tar_entry(&a, &e, NULL);
	tar_apply_ok(&a, t.fd, 0);
	assert_clean(&a, t.fd);
}

static void change(struct tree *t, int which)
{
	struct xattr x = {(char[]){"user.k"}, (char[]){"w"}, 1};
	struct err err = ERR_INIT;
	struct stat st = tree_stat(t->fd, "usr/bin/tool");
	switch (which) {
	case 0:
		assert_int_equal(unlinkat(t->fd, "twice", 0), 0);
		break;
	case 1:
		tree_text(t->fd, "extra", "");
		break;
	case 2:
		assert_int_equal(mkdirat(t->fd, "usr/extra", 0755), 0);
		break;
	case 3:
		tree_text(t->fd, "usr/bin/tool", "CONTENT");
		tree_time(t->fd, "usr/bin/tool", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		break;
	case 4:
		assert_int_equal(fchmodat(t->fd, "usr", 0755, 0), 0);
		break;
	case 5:
		assert_int_equal(fchownat(t->fd, "bin", 1, 1, AT_SYMLINK_NOFOLLOW), 0);
		break;
	case 6:
		tree_time(t->fd, "attr", 77, 6);
		break;
	case 7:
		assert_int_equal(xattr_set(t->fd, "attr", &x, &err), 0);
		break;
	case 8:
		assert_int_equal(unlinkat(t->fd, "gone", 0), 0);
		break;
	case 9: {
		AUTO_FD int fd = openat(t->fd, "opaque", O_RDONLY);
		assert_int_equal(fremovexattr(fd, "user.overlay.opaque"), 0);
		(void)fremovexattr(fd, "trusted.overlay.opaque");
		break;
	}
	case 10:
		assert_int_equal(unlinkat(t->fd, "bin", 0), 0);
		assert_int_equal(symlinkat("usr", t->fd, "bin"), 0);
		break;
	case 11:
		assert_int_equal(unlinkat(t->fd, "hard", 0), 0);
		tree_text(t->fd, "hard", "content");
		tree_time(t->fd, "hard", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		break;
	case 12:
		assert_int_equal(whiteout_make(t->fd, "extra"), 0);
		break;
	case 13:
		assert_int_equal(fchmodat(t->fd, ".", 0700, 0), 0);
		break;
	case 14:
		assert_int_equal(unlinkat(t->fd, "null", 0), 0);
		assert_int_equal(mknodat(t->fd, "null", S_IFCHR | 0666, makedev(1, 5)), 0);
		break;
	}
}

static void every_kind_of_difference_is_found(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	for (int which = 0; which <= 14; which++) {
		AUTO_TREE struct tree t = tree_new();
		AUTO_TAR struct tar a;
		sample(&a);
		struct tar_entry e = {.path = "late", .mode = S_IFREG, .mtime = 1600000000};
		tar_entry(&a, &e, NULL);
		tar_apply_ok(&a, t.fd, 0);
		change(&t, which);
		AUTO_STRV struct strv problems = STRV_INIT;
		verify(&a, t.fd, &problems);
		if (problems.n == 0)
			fail_msg("change %d was not found", which);
	}
}

static void no_more_than_20_lines_are_given(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	for (int i = 0; i < 100; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "%d", i);
		tar_file(&a, name, "");
	}
	tar_end(&a);
	AUTO_STRV struct strv problems = STRV_INIT;
	verify(&a, t.fd, &problems);
	assert_int_equal(problems.n, 20);
	assert_string_equal(problems.v[19], "and 81 more differences");
}

static void an_archived_directory_is_clean(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar src;
	sample(&src);
	tar_apply_ok(&src, t.fd, 0);
	tree_time(t.fd, "last", 1700000000, 999);
	for (int clamp = 0; clamp < 2; clamp++) {
		struct diff_opts o = {.level = -1, .clamp = clamp, .clamp_s = 1500000000};
		AUTO_TAR struct tar a;
		tar_init(&a);
		struct layer l;
		struct err err = ERR_INIT;
		assert_int_equal(layer_diff(t.fd, &o, &a.mem.w, &l, &err), 0);
		assert_clean(&a, t.fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_unpacked_is_clean),
		cmocka_unit_test(every_kind_of_difference_is_found),
		cmocka_unit_test(no_more_than_20_lines_are_given),
		cmocka_unit_test(an_archived_directory_is_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
