/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "layers/archive.h"
#include "layers/whiteout.h"
#include "tests/unit/tars.h"

#include <errno.h>

static void everything_about_an_entry_is_kept(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	struct xattr x[] = {{(char[]){"security.capability"},
				    (char[]){"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0"}, 20},
		{(char[]){"user.k"}, (char[]){"v\n=\0x"}, 5}};
	struct tar_entry e = {.path = "d",
		.mode = S_IFDIR | 03751,
		.uid = 7,
		.gid = 8,
		.mtime = 1234567890,
		.mtime_ns = 123456789};
	tar_entry(&a, &e, NULL);
	e = (struct tar_entry){.path = "d/f",
		.mode = S_IFREG | 06755,
		.uid = 3000000,
		.gid = 2999999,
		.size = 3,
		.mtime = -5,
		.mtime_ns = 500000000,
		.xattrs = x,
		.n_xattrs = 2};
	tar_entry(&a, &e, "abc");
	tar_link(&a, "d/l", "../../target");
	tar_device(&a, "d/null", S_IFCHR | 0666, 1, 3);
	tar_device(&a, "d/blk", S_IFBLK | 0660, 7, 300);
	tar_device(&a, "d/fifo", S_IFIFO | 01600, 0, 0);
	tar_hardlink(&a, "h", "d/f");
	tar_apply_ok(&a, t.fd, 0);

	struct stat st = tree_stat(t.fd, "d");
	assert_int_equal(st.st_mode, S_IFDIR | 03751);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_gid, 8);
	assert_int_equal(st.st_mtim.tv_sec, 1234567890);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	st = tree_stat(t.fd, "d/f");
	assert_int_equal(st.st_mode, S_IFREG | 06755);
	assert_int_equal(st.st_uid, 3000000);
	assert_int_equal(st.st_gid, 2999999);
	assert_int_equal(st.st_mtim.tv_sec, -5);
	assert_int_equal(st.st_mtim.tv_nsec, 0); /* whole seconds before 1970 */
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_ino, tree_stat(t.fd, "h").st_ino);
	AUTO_XATTRS struct xattrs got = {0};
	struct err err = ERR_INIT;
	assert_int_equal(xattrs_read(t.fd, "d/f", &got, &err), 0);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.x[0].len, 20);
	assert_int_equal(got.x[1].len, 5);
	assert_memory_equal(got.x[1].value, "v\n=\0x", 5);
	char target[20] = "";
	assert_int_equal(readlinkat(t.fd, "d/l", target, sizeof(target)), 12);
	assert_string_equal(target, "../../target");
	assert_int_equal(tree_stat(t.fd, "d/l").st_mtim.tv_sec, 1500000000);
	assert_int_equal(tree_stat(t.fd, "d/null").st_rdev, makedev(1, 3));
	assert_int_equal(tree_stat(t.fd, "d/blk").st_rdev, makedev(7, 300));
	assert_int_equal(tree_stat(t.fd, "d/blk").st_mode, S_IFBLK | 0660);
	/* a directory's group stays with it, not with what is created in it */
	assert_int_equal(tree_stat(t.fd, "d/null").st_gid, 0);
	assert_int_equal(tree_stat(t.fd, "d/fifo").st_mode, S_IFIFO | 01600);
}

static void modes_do_not_depend_on_the_umask(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_dir(&a, "d", 0777);
	tar_file(&a, "implied/f", "x");
	struct tar_entry e = {.path = "f", .mode = S_IFREG | 0666};
	tar_entry(&a, &e, NULL);
	mode_t before = umask(077);
	tar_apply_ok(&a, t.fd, 0);
	assert_int_equal(umask(before), 077);
	assert_int_equal(tree_stat(t.fd, "d").st_mode & 07777, 0777);
	assert_int_equal(tree_stat(t.fd, "f").st_mode & 07777, 0666);
	assert_int_equal(tree_stat(t.fd, "implied").st_mode & 07777, 0755);
}

static void whiteouts_become_those_of_overlay(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_file(&a, ".wh.gone", "");
	tar_file(&a, "implied/.wh.gone", "");
	tar_dir(&a, "d", 0755);
	tar_file(&a, "d/.wh..wh..opq", "");
	tar_file(&a, ".wh..wh..plnk/1.2", "aufs");
	tar_file(&a, ".wh..wh.aufs", "aufs");
	tar_apply_ok(&a, t.fd, 0);
	struct stat st = tree_stat(t.fd, "gone");
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	assert_true(S_ISCHR(tree_stat(t.fd, "implied/gone").st_mode));
	AUTO_FD int d = openat(t.fd, "d", O_RDONLY);
	assert_true(whiteout_is_opaque(d));
	assert_false(tree_has(t.fd, ".wh..wh..plnk"));
	assert_false(tree_has(t.fd, ".wh..wh.aufs"));
	assert_false(tree_has(t.fd, "d/.wh..wh..opq"));
}

static void a_whiteout_hides_only_what_lies_below(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		AUTO_TREE struct tree t = tree_new();
		AUTO_TAR struct tar a;
		tar_init(&a);
		if (first) {
			tar_file(&a, ".wh.d", "");
			tar_file(&a, ".wh.f", "");
		}
		tar_dir(&a, "d", 0755);
		tar_file(&a, "d/x", "new");
		tar_file(&a, "f", "new");
		if (!first) {
			tar_file(&a, ".wh.d", "");
			tar_file(&a, ".wh.f", "");
		}
		tar_apply_ok(&a, t.fd, 0);
		AUTO_FD int d = openat(t.fd, "d", O_RDONLY | O_DIRECTORY);
		assert_true(d >= 0 && whiteout_is_opaque(d));
		AUTO_FREE char *x = tree_read(t.fd, "d/x"), *f = tree_read(t.fd, "f");
		assert_string_equal(x, "new");
		assert_string_equal(f, "new");
	}
}

static void later_entries_win(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_file(&a, "f", "first and longer");
	tar_file(&a, "f", "second");
	tar_dir(&a, "dir-then-file", 0755);
	tar_file(&a, "dir-then-file/x", "x");
	tar_file(&a, "dir-then-file", "file");
	tar_file(&a, "file-then-dir", "x");
	tar_dir(&a, "file-then-dir", 0700);
	tar_file(&a, "file-then-dir/x", "x");
	tar_dir(&a, "dir-twice", 0755);
	tar_file(&a, "dir-twice/kept", "x");
	tar_dir(&a, "dir-twice", 0711);
	tar_link(&a, "link", "f");
	tar_file(&a, "link", "not through it");
	tar_hardlink(&a, "hard", "f");
	tar_hardlink(&a, "hard", "f");
	tar_device(&a, "f2", S_IFIFO | 0644, 0, 0);
	tar_device(&a, "f2", S_IFCHR | 0600, 1, 5);
	tar_apply_ok(&a, t.fd, 0);
	AUTO_FREE char *f = tree_read(t.fd, "f"), *df = tree_read(t.fd, "dir-then-file"),
		       *l = tree_read(t.fd, "link");
	assert_string_equal(f, "second");
	assert_string_equal(df, "file");
	assert_string_equal(l, "not through it");
	assert_true(tree_has(t.fd, "file-then-dir/x"));
	assert_true(tree_has(t.fd, "dir-twice/kept"));
	assert_int_equal(tree_stat(t.fd, "dir-twice").st_mode & 0777, 0711);
	assert_int_equal(tree_stat(t.fd, "f").st_nlink, 2);
	assert_true(S_ISCHR(tree_stat(t.fd, "f2").st_mode));
}

static void blocks_of_zeros_become_holes(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	size_t n = 8 * MIB + 77;
	AUTO_FREE char *p = xcalloc(n, 1);
	memcpy(p, "head", 4);
	memcpy(p + 4 * MIB + 5, "middle", 6);
	struct tar_entry e = {.path = "sparse", .mode = S_IFREG | 0644, .size = n};
	tar_entry(&a, &e, p);
	e.path = "tail";
	memcpy(p + n - 4, "tail", 4);
	tar_entry(&a, &e, p);
	tar_apply_ok(&a, t.fd, 0);
	assert_true(tree_stat(t.fd, "sparse").st_blocks * 512 < (blkcnt_t)(256 * KIB));
	AUTO_FREE char *tail = tree_read(t.fd, "tail"), *sparse = tree_read(t.fd, "sparse");
	assert_memory_equal(tail, p, n);
	memset(p + n - 4, 0, 4);
	assert_memory_equal(sparse, p, n);
}

static void overlay_attributes_of_the_archive_are_dropped(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	struct xattr x[] = {{(char[]){"user.overlay.opaque"}, (char[]){"y"}, 1},
		{(char[]){"trusted.overlay.redirect"}, (char[]){"/etc"}, 4},
		{(char[]){"user.ok"}, (char[]){"y"}, 1}};
	struct tar_entry e = {.path = "d", .mode = S_IFDIR | 0755, .xattrs = x, .n_xattrs = 3};
	tar_entry(&a, &e, NULL);
	tar_apply_ok(&a, t.fd, 0);
	AUTO_FD int d = openat(t.fd, "d", O_RDONLY);
	assert_false(whiteout_is_opaque(d));
	char value[10];
	assert_int_equal(fgetxattr(d, "trusted.overlay.redirect", value, sizeof(value)), -1);
	assert_int_equal(fgetxattr(d, "user.ok", value, sizeof(value)), 1);
}

static void devices_are_refused_or_skipped_by_option(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	for (int flags = APPLY_NO_DEVICES; flags;
		flags = flags == APPLY_NO_DEVICES ? APPLY_SKIP_DEVICES : 0) {
		AUTO_TAR struct tar a;
		tar_init(&a);
		tar_file(&a, ".wh.w", "");
		tar_device(&a, "dev/null", S_IFCHR | 0666, 1, 3);
		struct err err = ERR_INIT;
		int code = tar_apply(&a, t.fd, flags, &err);
		assert_int_equal(code, flags == APPLY_NO_DEVICES ? ERR_UNSUPPORTED : 0);
		if (code < 0)
			assert_non_null(strstr(err.msg, "dev/null"));
		assert_false(tree_has(t.fd, "dev/null"));
		assert_true(tree_has(t.fd, "w"));
	}
}

static void owners_can_be_given_or_left(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	struct tar_entry e = {.path = "p/f", .mode = S_IFREG | 04755, .uid = 5, .gid = 6};
	tar_entry(&a, &e, NULL);
	tar_end(&a);
	AUTO_READER struct reader *r = reader_from_mem(a.mem.data.data, a.mem.data.len);
	struct apply_opts opts = {.flags = APPLY_CHOWN, .uid = 11, .gid = 12};
	struct err err = ERR_INIT;
	assert_int_equal(layer_apply(r, t.fd, &opts, NULL, &err), 0);
	struct stat st = tree_stat(t.fd, "p/f");
	assert_int_equal(st.st_uid, 11);
	assert_int_equal(st.st_gid, 12);
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(
		tree_stat(t.fd, "p").st_uid, 0); /* implied: the archive does not have it */
	AUTO_TREE struct tree u = tree_new();
	AUTO_READER struct reader *again = reader_from_mem(a.mem.data.data, a.mem.data.len);
	opts.flags = APPLY_NO_OWNER;
	assert_int_equal(layer_apply(again, u.fd, &opts, NULL, &err), 0);
	assert_int_equal(tree_stat(u.fd, "p/f").st_uid, geteuid());
}

static void archives_are_told_by_content(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_file(&a, "inside", "x");
	tar_end(&a);
	tree_write(t.fd, "plain", a.mem.data.data, a.mem.data.len, 0644);
	char zeros[10240] = {0};
	tree_write(t.fd, "empty", zeros, sizeof(zeros), 0644);
	tree_text(t.fd, "text", "this is no archive, however long it may be");
	tree_text(t.fd, "nothing", "");
	AUTO_FREE char *cmd = xasprintf(
		"cd %s && for c in gzip bzip2 xz zstd; do $c -c plain >plain.$c; done", t.path);
	assert_int_equal(system(cmd), 0);
	static const struct {
		const char *name;
		bool tar;
	} cases[] = {{"plain", true}, {"plain.gzip", true}, {"plain.bzip2", true},
		{"plain.xz", true}, {"plain.zstd", true}, {"empty", false}, {"text", false},
		{"nothing", false}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FD int fd = openat(t.fd, cases[i].name, O_RDONLY);
		struct err err = ERR_INIT;
		bool is_tar = !cases[i].tar;
		assert_int_equal(archive_probe(fd, &is_tar, &err), 0);
		assert_int_equal(is_tar, cases[i].tar);
		assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
		if (!is_tar)
			continue;
		AUTO_FREE char *name = xasprintf("out%zu", i);
		AUTO_FD int out = tree_sub(&t, name);
		struct apply_opts opts = {.flags = APPLY_PLAIN};
		assert_int_equal(archive_extract(fd, out, &opts, NULL, &err), 0);
		assert_true(tree_has(out, "inside"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_about_an_entry_is_kept),
		cmocka_unit_test(modes_do_not_depend_on_the_umask),
		cmocka_unit_test(whiteouts_become_those_of_overlay),
		cmocka_unit_test(a_whiteout_hides_only_what_lies_below),
		cmocka_unit_test(later_entries_win),
		cmocka_unit_test(blocks_of_zeros_become_holes),
		cmocka_unit_test(overlay_attributes_of_the_archive_are_dropped),
		cmocka_unit_test(devices_are_refused_or_skipped_by_option),
		cmocka_unit_test(owners_can_be_given_or_left),
		cmocka_unit_test(archives_are_told_by_content),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
