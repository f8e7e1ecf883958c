/* SPDX-License-Identifier: Apache-2.0 */
/* A small image (busybox) on a tmpfs, and a sandbox run on an overlay of it. Needs root: without it
 * the tests skip. */
#pragma once
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "run/sandbox.h"
#include "run/sandbox_internal.h"
#include "run/userns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
	char dir[64];
	int lower, upper, work;
	struct run_spec spec;
	char out[65536]; /* what the last run printed, standard output and error */
	struct sandbox_result result;
	struct err err;
};

/* To be called first in main: a plain user becomes root in a namespace of its own, so the same
 * tests cover both. */
static inline void become_root(void)
{
	struct err err = ERR_INIT;
	if (userns_enter(&err) < 0)
		printf("# %s\n", err.msg);
}

static inline int open_dir(const char *base, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", base, name);
	assert_int_equal(mkdir(path, 0755), 0);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static inline void put_file(int dir, const char *name, const char *text, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static inline void put_busybox(int root)
{
	static const char *const applets[] = {"sh", "cat", "echo", "ls", "id", "true", "false",
		"sleep", "touch", "mkdir", "mknod", "rm", "ln", "mv", "env", "head", "tail", "dd",
		"grep", "wc", "sed", "stat", "mount", "umount", "kill", "ps", "pwd", "tty", "test",
		"hostname", "ifconfig", "ip", "nslookup", "chown", "chmod", "setsid", "sort", "seq",
		"nc", "readlink", "tr"};
	assert_int_equal(mkdirat(root, "bin", 0755), 0);
	int from = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	int to = openat(root, "bin/busybox", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	struct stat st;
	assert_true(from >= 0 && to >= 0 && fstat(from, &st) == 0);
	assert_int_equal(fs_copy_data(from, to, (uint64_t)st.st_size), 0);
	close(from);
	close(to);
	for (size_t i = 0; i < ARRAY_LEN(applets); i++) {
		char path[64];
		snprintf(path, sizeof(path), "bin/%s", applets[i]);
		assert_int_equal(symlinkat("busybox", root, path), 0);
	}
}

static inline void image_init(struct image *im)
{
	if (geteuid() != 0)
		skip_because("a sandbox needs root or a user namespace");
	if (access("/bin/busybox", X_OK) != 0)
		skip_because("/bin/busybox is not installed");
	memset(im, 0, sizeof(*im));
	snprintf(im->dir, sizeof(im->dir), "/dev/shm/mica-test-XXXXXX");
	assert_non_null(mkdtemp(im->dir));
	im->lower = open_dir(im->dir, "lower");
	im->upper = open_dir(im->dir, "upper");
	im->work = open_dir(im->dir, "work");
	put_busybox(im->lower);
	assert_int_equal(mkdirat(im->lower, "etc", 0755), 0);
	assert_int_equal(mkdirat(im->lower, "tmp", 0755), 0);
	assert_int_equal(fchmodat(im->lower, "tmp", 01777, 0), 0);
	put_file(im->lower, "etc/passwd",
		"root:x:0:0:root:/root:/bin/sh\njoe:x:1000:1000::/home/joe:/bin/sh\n", 0644);
	put_file(im->lower, "etc/group", "root:x:0:\njoe:x:1000:\nstaff:x:50:joe\n", 0644);
	run_spec_init(&im->spec);
	im->spec.root = (struct snapshot){
		.lower = &im->lower, .n_lower = 1, .upper = im->upper, .work = im->work};
	map_set(&im->spec.env, "PATH", "/bin");
}

static inline void image_done(struct image *im)
{
	struct err err = ERR_INIT;
	run_spec_done(&im->spec);
	close(im->lower);
	close(im->upper);
	close(im->work);
	assert_int_equal(fs_remove_tree(AT_FDCWD, im->dir, &err), 0);
}

/* Runs what spec.argv says and collects the output. The result of sandbox_start or sandbox_wait. */
static inline int image_exec(struct image *im)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	im->spec.out = im->spec.errfd = fds[1];
	err_clear(&im->err);
	/* a volatile overlay leaves a mark that keeps its work directory from being used again */
	assert_int_equal(fs_remove_tree(im->work, "work", &im->err), 0);
	struct sandbox *s;
	int r = sandbox_start(&im->spec, NULL, NULL, &s, NULL, &im->err);
	close(fds[1]);
	im->spec.out = im->spec.errfd = -1;
	size_t n = 0;
	ssize_t got;
	char rest[4096];
	while (r == 0 &&
		(got = read(fds[0], n < sizeof(im->out) - 1 ? im->out + n : rest,
			 n < sizeof(im->out) - 1 ? sizeof(im->out) - 1 - n : sizeof(rest))) > 0)
		if (n < sizeof(im->out) - 1)
			n += (size_t)got;
	im->out[n] = '\0';
	close(fds[0]);
	return r < 0 ? r : sandbox_wait(s, &im->result, &im->err);
}

/* A shell script; the exit status, or the error code when it could not be started. */
static inline int image_run(struct image *im, const char *script)
{
	strv_done(&im->spec.argv);
	strv_add(&im->spec.argv, "sh");
	strv_add(&im->spec.argv, "-c");
	strv_add(&im->spec.argv, script);
	int r = image_exec(im);
	if (r < 0)
		print_message("%s\n", im->err.msg);
	return r < 0 ? r : im->result.status;
}

/* The names in the upper directory below path, sorted, separated by blanks. */
static inline const char *image_upper(struct image *im, const char *path, char *buf, size_t n)
{
	struct dirent **list;
	char full[256];
	snprintf(full, sizeof(full), "%s/upper/%s", im->dir, path);
	int count = scandir(full, &list, NULL, alphasort);
	*buf = '\0';
	for (int i = 0; i < count; i++) {
		size_t used = strlen(buf);
		if (strcmp(list[i]->d_name, ".") != 0 && strcmp(list[i]->d_name, "..") != 0)
			assert_in_range(snprintf(buf + used, n - used, "%s%s", used ? " " : "",
						list[i]->d_name),
				1, n - used - 1);
		free(list[i]);
	}
	if (count >= 0)
		free(list);
	return buf;
}

/* One image for each test: CASE() makes and removes it. */
static struct image im __attribute__((unused));

static inline int set_up(void **state)
{
	(void)state;
	image_init(&im);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	image_done(&im);
	return 0;
}

static inline void assert_prints(const char *script, const char *expected)
{
	assert_int_equal(image_run(&im, script), 0);
	assert_string_equal(im.out, expected);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
