/* SPDX-License-Identifier: Apache-2.0 */
/* Mount points that somebody swaps for a link out of the root while they are looked up. */
#include "base/err.h"
#include "base/mem.h"
#include "run/mounts.h"
#include "run/sandbox_internal.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 2500 /* without the confinement tens of them lead out */

static char dir[64];
static struct run_spec spec;
static struct box box;
static int outside;
static ino_t outside_sub;
static pid_t swapper;

static void make(int at, const char *path)
{
	assert_int_equal(mkdirat(at, path, 0755), 0);
}

/* "a" is a directory of the root, and the next moment a link to `outside`, which is there inside of
 * the root, too. */
static int set_up(void **state)
{
	char path[128];
	struct stat st;
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/mica-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/out", dir);
	make(AT_FDCWD, path);
	outside = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make(outside, "sub");
	assert_int_equal(fstatat(outside, "sub", &st, 0), 0);
	outside_sub = st.st_ino;
	(void)snprintf(path, sizeof(path), "%s/root", dir);
	make(AT_FDCWD, path);
	run_spec_init(&spec);
	box = (struct box){.spec = &spec, .root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	make(box.root, "a");
	make(box.root, "a/sub");
	make(box.root, "tmp");
	make(box.root, dir + 1);
	(void)snprintf(path, sizeof(path), "%s/out", dir);
	make(box.root, path + 1);
	(void)snprintf(path, sizeof(path), "%s/out/sub", dir);
	make(box.root, path + 1);
	(void)snprintf(path, sizeof(path), "%s/out", dir);
	assert_int_equal(symlinkat(path, box.root, "b"), 0);
	pid_t parent = getpid();
	swapper = fork();
	assert_true(swapper >= 0);
	while (swapper == 0 && getppid() == parent)
		(void)syscall(SYS_renameat2, box.root, "a", box.root, "b", RENAME_EXCHANGE);
	if (swapper == 0)
		_exit(0);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];
	(void)state;
	kill(swapper, SIGKILL);
	waitpid(swapper, NULL, 0);
	close(box.root);
	close(outside);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void a_swapped_directory_leads_nowhere_outside(void **state)
{
	unsigned found = 0;
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct err err = ERR_INIT;
		struct stat st;
		int fd;
		if (target_open(&box, "/a/sub", TARGET_KEEP, &fd, &err) < 0)
			continue;
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_not_equal(st.st_ino, outside_sub);
		close(fd);
		found++;
	}
	assert_true(found > 0);
}

static void nothing_is_made_outside(void **state)
{
	char inside[128];
	unsigned made = 0;
	(void)state;
	(void)snprintf(inside, sizeof(inside), "%s/out/new", dir + 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct err err = ERR_INIT;
		int fd;
		if (target_open(&box, "/a/new", TARGET_KEEP, &fd, &err) == 0) {
			close(fd);
			made++;
		}
		assert_int_not_equal(faccessat(outside, "new", F_OK, 0), 0);
		for (const char *const *name =
				(const char *const[]){"a/new", "b/new", inside, NULL};
			*name; name++)
			(void)unlinkat(box.root, *name, AT_REMOVEDIR);
	}
	assert_true(made > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_swapped_directory_leads_nowhere_outside),
		cmocka_unit_test(nothing_is_made_outside),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
