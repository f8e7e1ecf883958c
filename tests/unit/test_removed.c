/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "run/removed.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A megabyte that has no name any more. */
static int make_removed(struct removed_fs *ret_fs)
{
	char path[] = "/tmp/mica-removed-XXXXXX", block[4 * KIB] = "x";
	int fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	for (unsigned i = 0; i < MIB / sizeof(block); i++)
		assert_int_equal(fs_write_all(fd, block, sizeof(block)), 0);
	assert_int_equal(unlink(path), 0);
	assert_true(removed_fs_of(fd, ret_fs));
	return fd;
}

static void counts_once_what_is_open_often(void **state)
{
	struct removed_fs fs, other = {0};
	(void)state;
	AUTO_FD int fd = make_removed(&fs);
	uint64_t before = removed_bytes(getpid(), &fs, 1);
	assert_in_range(before, MIB, 2 * MIB);
	AUTO_FD int again = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	assert_true(again >= 0);
	assert_int_equal(removed_bytes(getpid(), &fs, 1), before);
	assert_int_equal(removed_bytes(getpid(), &other, 1), 0);
}

static void counts_what_descendants_have(void **state)
{
	struct removed_fs fs;
	int gate[2], status;
	char byte;
	(void)state;
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	int fd = make_removed(&fs);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		_exit(0);
	}
	close(fd);
	assert_in_range(removed_bytes(getpid(), &fs, 1), MIB, 2 * MIB);
	close(gate[1]);
	assert_int_equal(proc_wait(pid, &status), 0);
	assert_int_equal(removed_bytes(getpid(), &fs, 1), 0);
	close(gate[0]);
}

static void counts_what_is_only_mapped(void **state)
{
	struct removed_fs fs;
	(void)state;
	if (geteuid() != 0)
		skip_because("only root sees what is mapped and not open");
	int fd = make_removed(&fs);
	void *at = mmap(NULL, 4 * KIB, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(at != MAP_FAILED);
	close(fd);
	assert_in_range(removed_bytes(getpid(), &fs, 1), MIB, 2 * MIB);
	assert_int_equal(munmap(at, 4 * KIB), 0);
	assert_int_equal(removed_bytes(getpid(), &fs, 1), 0);
}

/* Waits until the first thread of pid has ended. */
static void await_zombie(pid_t pid)
{
	char path[32], text[512] = "";
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (!strstr(text, ") Z ")) {
		AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, text, sizeof(text) - 1);
		assert_true(n > 0);
		text[n] = '\0';
		sched_yield();
	}
}

static void *map_and_wait(void *arg)
{
	const int *gate = arg;
	char byte;
	struct removed_fs fs;
	int fd = make_removed(&fs);
	if (mmap(NULL, 4 * KIB, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		_exit(1);
	close(fd);
	(void)!write(gate[1], "", 1);
	(void)!read(gate[0], &byte, 1);
	_exit(0);
}

/* What a process has mapped is not shown of its first thread once that has ended. */
static void counts_what_is_mapped_without_the_first_thread(void **state)
{
	int gate[2], status;
	char byte;
	struct removed_fs fs;
	pthread_t thread;
	(void)state;
	if (geteuid() != 0)
		skip_because("only root sees what is mapped and not open");
	close(make_removed(&fs));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static int pair[2]; /* outlives this stack */
		pair[0] = pair[1] = gate[1];
		close(gate[0]);
		if (pthread_create(&thread, NULL, map_and_wait, pair) != 0)
			_exit(1);
		pthread_exit(NULL);
	}
	close(gate[1]);
	assert_int_equal(read(gate[0], &byte, 1), 1);
	await_zombie(pid);
	assert_in_range(removed_bytes(getpid(), &fs, 1), MIB, 2 * MIB);
	close(gate[0]);
	assert_int_equal(proc_wait(pid, &status), 0);
	assert_int_equal(status, 0);
}

/* The only file, which seems to be removed, of a FUSE file system whose server never answers. */
static int hold_silent(void)
{
	static const char path[] = "/tmp/silent (deleted)";
	char opts[96];
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	(void)snprintf(opts, sizeof(opts), "fd=%d,rootmode=100000,user_id=0,group_id=0", fuse);
	if (fuse < 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("here", "/tmp", "tmpfs", 0, NULL) < 0 || mknod(path, S_IFREG | 0600, 0) < 0 ||
		mount("silent", path, "fuse", 0, opts) < 0)
		return -1;
	return open(path, O_PATH | O_CLOEXEC);
}

static void waits_for_no_other_file_system(void **state)
{
	int status;
	(void)state;
	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0)
		skip_because("only root mounts here, and only where there is /dev/fuse");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct removed_fs fs;
		(void)make_removed(&fs);
		if (hold_silent() < 0)
			_exit(1);
		alarm(10); /* ends who waits for ever */
		uint64_t bytes = removed_bytes(getpid(), &fs, 1);
		_exit(bytes >= MIB && bytes < 2 * MIB ? 0 : 2);
	}
	assert_int_equal(proc_wait(pid, &status), 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_once_what_is_open_often),
		cmocka_unit_test(counts_what_descendants_have),
		cmocka_unit_test(counts_what_is_only_mapped),
		cmocka_unit_test(counts_what_is_mapped_without_the_first_thread),
		cmocka_unit_test(waits_for_no_other_file_system),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
