/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/root.h"
#include "base/tmp.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* in memory where there is a tmpfs: ten thousand directories take seconds on some disks */
static char memory[] = "/dev/shm/mica-test-XXXXXX", disk[] = "/tmp/mica-test-XXXXXX";
static const char *top;
static int topfd;

static void put(const char *path, const char *text)
{
	struct err err = ERR_INIT;
	assert_int_equal(fs_write_file(topfd, path, text, strlen(text), 0644, false, &err), 0);
}

static int setup(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	top = mkdtemp(memory);
	if (!top && !(top = mkdtemp(disk)))
		return -1;
	topfd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (topfd < 0 || mkdirat(topfd, "outside", 0755) < 0 || mkdirat(topfd, "root", 0755) < 0 ||
		mkdirat(topfd, "root/dir", 0755) < 0 ||
		fs_write_file(topfd, "outside/secret", "s", 1, 0644, false, &err) < 0 ||
		fs_write_file(topfd, "root/dir/file", "inside", 6, 0644, false, &err) < 0 ||
		symlinkat("../../outside", topfd, "root/dir/up") < 0 ||
		symlinkat("/dir/file", topfd, "root/abs") < 0 ||
		symlinkat("dir", topfd, "root/todir") < 0 ||
		symlinkat("loop", topfd, "root/loop") < 0 ||
		symlinkat("nowhere", topfd, "root/dangling") < 0 ||
		mkfifoat(topfd, "root/fifo", 0644) < 0)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	close(topfd);
	return fs_remove_tree(AT_FDCWD, top, &err);
}

static void check_root(void)
{
	AUTO_FD int root = openat(topfd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *data;
	struct err err = ERR_INIT;
	static const char *const inside[] = {"dir/file", "/dir/file", "abs", "../../../dir/file",
		"todir/file", "todir/../dir/./file", "dir/../abs"};
	for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
		assert_int_equal(root_read_file(root, inside[i], 100, &data, NULL, &err), 0);
		assert_string_equal(data, "inside");
		free(data);
	}
	static const char *const missing[] = {
		"dir/up/secret", "../outside/secret", "dangling", "none/x", "dir/file/x"};
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		assert_int_equal(
			root_read_file(root, missing[i], 100, &data, NULL, &err), ERR_NOT_FOUND);
	assert_int_equal(root_read_file(root, "fifo", 100, &data, NULL, &err), ERR_INVALID);
	assert_int_equal(root_read_file(root, "dir/file", 5, &data, NULL, &err), ERR_LIMIT);
	assert_int_equal(root_open(root, "loop", O_RDONLY, 0), -1);
	assert_int_equal(errno, ELOOP);
	struct stat st;
	assert_int_equal(root_lstat(root, "abs", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(root_stat(root, "abs", &st), 0);
	assert_true(S_ISREG(st.st_mode));
	AUTO_FREE char *real = root_realpath(root, "todir/../abs");
	assert_string_equal(real, "dir/file");
	const char *name;
	AUTO_FD int parent = root_open_parent(root, "/todir/file", &name);
	assert_true(parent >= 0);
	assert_string_equal(name, "file");
	assert_int_equal(root_open_parent(root, "dir/..", &name), -1);
}

/* EXDEV would be RESOLVE_IN_ROOT's answer, which says itself that it may not be the last word. */
static void a_magic_link_is_refused_for_what_it_is(void **state)
{
	char path[32];
	(void)state;
	AUTO_FD int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "self/fd/%d", topfd);
	assert_int_equal(root_open(proc, path, O_RDONLY, 0), -1);
	assert_int_equal(errno, ELOOP);
}

static void a_root_cannot_be_left(void **state)
{
	(void)state;
	check_root();
}

static void a_root_cannot_be_left_without_openat2(void **state)
{
	(void)state;
	root_disable_openat2(true);
	check_root();
	root_disable_openat2(false);
}

static void directories_are_made_inside_only(void **state)
{
	(void)state;
	AUTO_FD int root = openat(topfd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;
	assert_int_equal(root_mkdir_p(root, "/todir/new/deep", 0751, (uid_t)-1, (gid_t)-1, &fd), 0);
	close(fd);
	struct stat st;
	assert_int_equal(fstatat(topfd, "root/dir/new/deep", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	assert_int_equal(root_mkdir_p(root, "dangling/x", 0755, (uid_t)-1, (gid_t)-1, NULL), -1);
	assert_int_equal(root_mkdir_p(root, "dir/up/x", 0755, (uid_t)-1, (gid_t)-1, NULL), -1);
	assert_int_equal(fstatat(topfd, "outside/x", &st, 0), -1);
}

static void a_temporary_file_appears_whole_or_not_at_all(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct tmp t = TMP_INIT;
	struct stat st;
	assert_int_equal(tmp_open(&t, topfd, 0600, &err), 0);
	assert_int_equal(fs_write_all(t.fd, "x", 1), 0);
	assert_int_equal(fstatat(topfd, "published", &st, 0), -1);
	assert_int_equal(tmp_publish(&t, topfd, "published", true, &err), 0);
	tmp_done(&t);
	assert_int_equal(fstatat(topfd, "published", &st, 0), 0);
	char name[sizeof(t.name)];
	assert_int_equal(tmp_open(&t, topfd, 0600, &err), 0);
	memcpy(name, t.name, sizeof(name));
	tmp_done(&t);
	assert_int_equal(fstatat(topfd, name, &st, 0), -1);
	/* and in between not at all, where file systems know how; it replaces what is there */
	assert_int_equal(tmp_open_nameless(&t, topfd, 0600, &err), 0);
	assert_string_equal(t.name, "");
	assert_int_equal(fs_write_all(t.fd, "yz", 2), 0);
	assert_int_equal(tmp_publish(&t, topfd, "published", true, &err), 0);
	tmp_done(&t);
	assert_int_equal(fstatat(topfd, "published", &st, 0), 0);
	assert_int_equal(st.st_size, 2);
	assert_int_equal(st.st_nlink, 1);
}

static void a_lock_excludes(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	int a, b;
	assert_int_equal(lock_file(topfd, "lock", LOCK_SHARED, false, &a, &err), 0);
	assert_int_equal(lock_file(topfd, "lock", LOCK_SHARED, false, &b, &err), 0);
	close(b);
	assert_int_equal(lock_file(topfd, "lock", LOCK_EXCLUSIVE, false, &b, &err), ERR_BUSY);
	close(a);
	assert_int_equal(lock_file(topfd, "lock", LOCK_EXCLUSIVE, false, &b, &err), 0);
	close(b);
}

static void a_tree_is_removed_without_following_links(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(mkdirat(topfd, "gone", 0755), 0);
	assert_int_equal(mkdirat(topfd, "gone/a", 0755), 0);
	put("gone/a/f", "x");
	assert_int_equal(symlinkat("../../outside", topfd, "gone/a/link"), 0);
	assert_int_equal(fchmodat(topfd, "gone/a", 0, 0), 0);
	/* what is little goes whole, whatever the time */
	assert_int_equal(fs_remove_tree_until(topfd, "gone", 1, &err), 0);
	assert_int_equal(mkdirat(topfd, "gone", 0755), 0);
	assert_int_equal(mkdirat(topfd, "gone/a", 0755), 0);
	for (int i = 0; i < 100; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "gone/a/%d", i);
		put(name, "x");
	}
	/* the moment is over before all of it is gone; the rest goes another time */
	assert_int_equal(fs_remove_tree_until(topfd, "gone", 1, &err), ERR_BUSY);
	err_clear(&err);
	assert_int_equal(faccessat(topfd, "gone", F_OK, 0), 0);
	assert_int_equal(fs_remove_tree(topfd, "gone", &err), 0);
	struct stat st;
	assert_int_equal(fstatat(topfd, "gone", &st, 0), -1);
	assert_int_equal(fstatat(topfd, "outside/secret", &st, 0), 0);
	assert_int_equal(fs_remove_tree(topfd, "gone", &err), 0);
}

/* Deeper than a path can name, or than descriptors can be opened one a level. */
static void a_tree_of_any_depth_is_removed(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct rlimit old, few = {64, 64};
	assert_int_equal(mkdirat(topfd, "deep", 0755), 0);
	int at = openat(topfd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 10000; i++) {
		assert_true(at >= 0);
		assert_int_equal(mkdirat(at, "d", i % 7 ? 0755 : 0500), 0);
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (i % 1000 == 0)
			assert_int_equal(symlinkat("/", at, "link"), 0);
		close(at);
		at = next;
	}
	close(at);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int r = fs_remove_tree(topfd, "deep", &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	if (r < 0)
		fail_msg("%s", err.msg);
	struct stat st;
	assert_int_equal(fstatat(topfd, "deep", &st, 0), -1);
}

static void a_copy_keeps_holes_and_content(void **state)
{
	(void)state;
	AUTO_FD int src = openat(topfd, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	AUTO_FD int dst = openat(topfd, "copy", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	const off_t size = 8 << 20;
	assert_int_equal(ftruncate(src, size), 0);
	assert_int_equal(pwrite(src, "middle", 6, 4 << 20), 6);
	assert_int_equal(fs_copy_data(src, dst, (uint64_t)size), 0);
	struct stat st;
	assert_int_equal(fstat(dst, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_true(st.st_blocks * 512 < size / 2);
	char buf[6];
	assert_int_equal(pread(dst, buf, 6, 4 << 20), 6);
	assert_memory_equal(buf, "middle", 6);
}

/* --iidfile /dev/null: as root a rename would take the device away from everybody. */
static void a_file_that_the_user_named_is_not_replaced_when_it_is_a_pipe(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct stat st;
	char got[4] = "";
	AUTO_FREE char *path = xasprintf("%s/root/fifo", top);
	AUTO_FREE char *fresh = xasprintf("%s/fresh", top);
	AUTO_FD int fd = openat(topfd, "root/fifo", O_RDWR | O_CLOEXEC);

	assert_int_equal(fs_write_output(path, "abc", 3, 0644, false, &err), 0);
	assert_int_equal(read(fd, got, 3), 3);
	assert_string_equal(got, "abc");
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(fs_write_output(fresh, "abc", 3, 0600, false, &err), 0);
	assert_int_equal(stat(fresh, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void a_link_that_the_user_named_stays_and_its_file_is_replaced(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct stat st;
	char got[8] = "";
	AUTO_FREE char *dir = xasprintf("%s/deep/er", top), *alias = xasprintf("%s/alias", top);
	AUTO_FREE char *first = xasprintf("%s/first", top), *file = xasprintf("%s/deep/file", top);
	AUTO_FREE char *second = xasprintf("%s/deep/er/second", top);

	assert_int_equal(fs_mkdir_p(dir, 0700, &err), 0);
	/* ".." of a directory that is a link is that of where it leads */
	assert_int_equal(symlink("deep/er", alias), 0);
	assert_int_equal(symlink("alias/second", first), 0);
	assert_int_equal(symlink("../file", second), 0);
	assert_int_equal(fs_write_output(first, "new", 3, 0600, true, &err), 0);
	assert_int_equal(fs_write_output(first, "newer", 5, 0600, true, &err), 0);
	assert_int_equal(lstat(first, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(file, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	AUTO_FD int fd = open(file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, got, sizeof(got)), 5);
	assert_memory_equal(got, "newer", 5);
	/* one that leads to itself is no file to be replaced */
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("er/second", file), 0);
	assert_int_equal(fs_write_output(first, "x", 1, 0600, true, &err), ERR_SYS);
	assert_int_equal(err.sys, ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_magic_link_is_refused_for_what_it_is),
		cmocka_unit_test(a_root_cannot_be_left),
		cmocka_unit_test(a_root_cannot_be_left_without_openat2),
		cmocka_unit_test(directories_are_made_inside_only),
		cmocka_unit_test(a_temporary_file_appears_whole_or_not_at_all),
		cmocka_unit_test(a_lock_excludes),
		cmocka_unit_test(a_tree_is_removed_without_following_links),
		cmocka_unit_test(a_tree_of_any_depth_is_removed),
		cmocka_unit_test(a_copy_keeps_holes_and_content),
		cmocka_unit_test(a_file_that_the_user_named_is_not_replaced_when_it_is_a_pipe),
		cmocka_unit_test(a_link_that_the_user_named_stays_and_its_file_is_replaced),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
