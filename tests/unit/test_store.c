/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/strv.h"
#include "store/dir_list.h"
#include "store/records.h"
#include "store/store_internal.h"
#include "tests/unit/store_fixture.h"

static size_t count(struct store *s, const char *dir)
{
	struct err err = ERR_INIT;
	AUTO_STRV struct strv v = STRV_INIT;
	assert_int_equal(dir_list(store_fd(s), dir, &v, &err), 0);
	return v.n;
}

static void a_new_store_is_a_private_oci_layout(void **state)
{
	struct store *s = *state;
	struct stat st;
	struct err err = ERR_INIT;
	AUTO_FREE char *text = NULL;
	static const char *const dirs[] = {".", "blobs", "blobs/sha256", "layers", "cache",
		"cache/steps", "tmp", "mounts", "containers"};
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		assert_int_equal(fstatat(store_fd(s), dirs[i], &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
	}
	assert_int_equal(fs_read_file(store_fd(s), "oci-layout", 100, &text, NULL, &err), 0);
	assert_string_equal(text, "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static void opens_again_what_is_there(void **state)
{
	struct store *s = *state, *again;
	struct err err = ERR_INIT;
	struct descriptor d = fixture_image(s, "localhost/a:1", "one");
	assert_int_equal(store_open(store_path(s), STORE_READ_ONLY, &again, &err), 0);
	assert_true(blob_has(again, &d.digest, NULL));
	struct txn *t;
	assert_int_equal(txn_begin(again, &t, &err), ERR_DENIED);
	store_close(again);
	descriptor_done(&d);
}

static void refuses_an_unknown_version(void **state)
{
	struct store *s = *state, *again;
	struct err err = ERR_INIT;
	assert_int_equal(fs_write_file(store_fd(s), "version", "2\n", 2, 0644, false, &err), 0);
	assert_int_equal(store_open(store_path(s), 0, &again, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "version 2"));
	static const char *const none[] = {"1\n2", "1\n\n", "01\n", "1", "abc", "-1"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_int_equal(fs_write_file(store_fd(s), "version", none[i], strlen(none[i]),
					 0644, false, &err),
			0);
		assert_int_equal(store_open(store_path(s), 0, &again, &err), ERR_CORRUPT);
		assert_non_null(strstr(err.msg, "/version' is not a version file of a store; 'mica "
						"fsck --repair' mends the store"));
		/* which can open it */
		assert_int_equal(store_open(store_path(s), STORE_DAMAGED, &again, &err), 0);
		assert_int_equal(store_write_version(store_fd(again), &err), 0);
		store_close(again);
		assert_int_equal(store_open(store_path(s), 0, &again, &err), 0);
		store_close(again);
	}
}

static void refuses_a_directory_of_somebody_else(void **state)
{
	struct store *s = *state, *other;
	struct err err = ERR_INIT;
	AUTO_FREE char *path = xasprintf("%s/mounts/other", store_path(s)),
		       *theirs = xasprintf("%s/letters", path),
		       *disk = xasprintf("%s/lost+found", path);
	struct stat st;
	assert_int_equal(fs_mkdir_p(theirs, 0755, &err), 0);
	assert_int_equal(fs_mkdir_p(disk, 0755, &err), 0);
	assert_int_equal(store_open(path, 0, &other, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "holds other files ('letters') and is no mica store; name "
					"another directory with --root"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(rmdir(theirs), 0);
	assert_int_equal(store_open(path, 0, &other, &err), 0);
	store_close(other);
	assert_int_equal(store_open("/dev/null/x", 0, &other, &err), ERR_SYS);
	assert_string_equal(err.msg, "cannot open the store '/dev/null/x': not a directory; name "
				     "another directory with --root");
	assert_int_equal(err.sys, ENOTDIR);
}

static void reading_only_never_makes_a_store(void **state)
{
	struct store *s = *state, *other;
	struct err err = ERR_INIT;
	AUTO_FREE char *path = xasprintf("%s/mounts/none", store_path(s));
	assert_int_equal(store_open(path, STORE_READ_ONLY, &other, &err), ERR_NOT_FOUND);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_half_made_store_is_completed(void **state)
{
	struct store *s = *state, *again;
	struct err err = ERR_INIT;
	assert_int_equal(unlinkat(store_fd(s), "version", 0), 0);
	assert_int_equal(unlinkat(store_fd(s), "tmp", AT_REMOVEDIR), 0);
	assert_int_equal(store_open(store_path(s), 0, &again, &err), 0);
	assert_int_equal(count(again, "tmp"), 0);
	assert_int_equal(faccessat(store_fd(again), "version", F_OK, 0), 0);
	store_close(again);
}

static void a_transaction_leaves_nothing(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct txn *t;
	char *name, *second;
	int fd;
	struct stat st;
	mode_t mask = umask(077);
	assert_int_equal(txn_begin(s, &t, &err), 0);
	assert_int_equal(strlen(txn_id(t)), 16);
	assert_int_equal(txn_mkdir(t, "up", &name, &fd, &err), 0);
	(void)umask(mask);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(mkdirat(fd, "work", 0), 0);
	close(fd);
	assert_int_equal(txn_mkdir(t, "up", &second, &fd, &err), 0);
	close(fd);
	assert_string_not_equal(name, second);
	free(name);
	free(second);
	txn_end(t);
	assert_int_equal(count(s, "tmp"), 0);
}

static void a_job_makes_directories_beside_the_transaction_s_owner(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct txn *t;
	char *name;
	int fd, status;
	assert_int_equal(txn_begin(s, &t, &err), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(txn_mkdir(t, "work", &name, &fd, &err) < 0 ||
			txn_mkdir(t, "work", &name, &fd, &err) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(txn_mkdir(t, "work", &name, &fd, &err), 0);
	assert_int_equal(mkdirat(fd, "empty", 0), 0);
	close(fd);
	free(name);
	txn_end(t);
	assert_int_equal(count(s, "tmp"), 0);
}

/* A child that begins a transaction, says so, and waits to be killed; its pid. */
static pid_t start_owner(const char *path)
{
	int fds[2];
	char c;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct err err = ERR_INIT;
		struct store *s;
		struct txn *t;
		char *name;
		int fd;
		struct tmp blob = TMP_INIT;
		if (store_open(path, 0, &s, &err) < 0 || txn_begin(s, &t, &err) < 0 ||
			txn_mkdir(t, "up", &name, &fd, &err) < 0 ||
			fs_write_file(fd, "file", "x", 1, 0600, false, &err) < 0 ||
			blob_begin(s, &blob, &err) < 0 ||
			txn_note_cgroup(t, "/no/such/cgroup", &err) < 0 ||
			write(fds[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static void a_dead_owner_is_swept_and_a_live_one_is_not(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct txn *t;
	pid_t dead = start_owner(store_path(s)), live = start_owner(store_path(s));
	assert_int_equal(count(s, "tmp"), 4); /* each has its transaction and a place for blobs */
	assert_false(store_has_leftovers(s));
	kill(dead, SIGKILL);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	assert_int_equal(txn_begin(s, &t, &err), 0);
	assert_int_equal(count(s, "tmp"), 3);
	txn_end(t);
	kill(live, SIGKILL);
	assert_int_equal(waitpid(live, NULL, 0), live);
	assert_true(store_has_leftovers(s));
	store_clear_leftovers(s);
	assert_int_equal(count(s, "tmp"), 0);
	assert_false(store_has_leftovers(s));
}

/* An owner's note whose file has the number of one that was ours: numbers are used again. */
static bool note_by_a_number_of_ours(struct store *s, const struct txn *t)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (linkat(store_fd(s), "ours", txn_fd(t), "number", 0) < 0 ||
		renameat(txn_fd(t), "number", txn_fd(t), "owner") < 0)
		return false;
	int fd = openat(txn_fd(t), "owner", O_RDWR | O_CLOEXEC);
	return fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0;
}

/* As a step's init does: it holds the lock by inheritance, and dies of its parent's death. What is
 * wrong, or NULL. */
static const char *outlive_a_dead_owner(struct store *s)
{
	int ready[2];
	char c;
	struct err why = ERR_INIT;
	struct txn *before;
	if (txn_begin(s, &before, &why) < 0 ||
		linkat(txn_fd(before), "owner", store_fd(s), "ours", 0) < 0)
		return "no note of ours";
	txn_end(before);
	if (pipe(ready) < 0)
		return "no pipe";
	pid_t owner = fork();
	if (owner == 0) {
		struct err err = ERR_INIT;
		struct store *own;
		struct txn *t;
		if (store_open(store_path(s), 0, &own, &err) < 0 || txn_begin(own, &t, &err) < 0 ||
			!note_by_a_number_of_ours(own, t))
			_exit(1);
		pid_t child = fork();
		if (child == 0) {
			/* until the owner is gone */
			close(ready[1]);
			pid_t parent = getppid();
			while (getppid() == parent)
				(void)usleep(1000);
			(void)usleep(100000);
			_exit(0);
		}
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		return "no owner";
	close(ready[0]);
	if (store_has_leftovers(s))
		return "the owner lives";
	kill(owner, SIGKILL);
	if (waitpid(owner, NULL, 0) != owner)
		return "the owner is not ours";
	if (!store_has_leftovers(s))
		return "its child was not waited for";
	store_clear_leftovers(s);
	return count(s, "tmp") ? "it is still there" : NULL;
}

static void children_that_outlive_a_dead_owner_are_waited_for(void **state)
{
	assert_null(outlive_a_dead_owner(*state));
}

/* In a pid namespace that is not the first /proc/locks tells nothing of the dead. */
static void so_they_are_in_another_pid_namespace(void **state)
{
	enum { NO_NAMESPACE = 77 };
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0)
			_exit(NO_NAMESPACE);
		pid_t inner = fork();
		if (inner == 0) {
			if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
				mount("proc", "/proc", "proc", 0, NULL) < 0)
				_exit(NO_NAMESPACE);
			const char *wrong = outlive_a_dead_owner(*state);
			if (wrong)
				print_error("%s\n", wrong);
			_exit(wrong != NULL);
		}
		_exit(waitpid(inner, &status, 0) != inner ? 1 : WEXITSTATUS(status));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == NO_NAMESPACE) {
		print_message("no pid namespace can be made with a /proc of its own\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void many_processes_begin_and_sweep_at_once(void **state)
{
	struct store *s = *state;
	enum { PROCESSES = 8, ROUNDS = 40 };
	pid_t pids[PROCESSES];
	for (size_t i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		struct err err = ERR_INIT;
		struct store *own;
		if (store_open(store_path(s), 0, &own, &err) < 0)
			_exit(1);
		for (unsigned n = 0; n < ROUNDS; n++) {
			struct txn *t;
			char *name;
			int fd;
			if (txn_begin(own, &t, &err) < 0 ||
				txn_mkdir(t, "x", &name, &fd, &err) < 0 ||
				fs_write_file(fd, "f", "x", 1, 0600, false, &err) < 0)
				_exit(2);
			close(fd);
			free(name);
			txn_end(t);
		}
		_exit(0);
	}
	for (size_t i = 0; i < PROCESSES; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count(s, "tmp"), 0);
}

/* Only directories of a cgroup file system are ever removed by a note. */
static void a_noted_path_outside_of_the_cgroups_is_not_touched(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct txn *t;
	AUTO_FREE char *path = xasprintf("%s/mounts/innocent", store_path(s));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(txn_begin(s, &t, &err), 0);
	assert_int_equal(txn_note_cgroup(t, "relative", &err), ERR_INVALID);
	assert_int_equal(txn_note_cgroup(t, path, &err), 0);
	txn_end(t);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(count(s, "tmp"), 0);
}

/* A cgroup of our own, where this machine lets us make one: NULL else. */
static char *make_cgroup(void)
{
	static const char *const mounts[] = {
		"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"};
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
		char *path = xasprintf("%s/mica-test-%d", mounts[i], (int)getpid());
		AUTO_FREE char *procs = xasprintf("%s/cgroup.procs", path);
		if (mkdir(path, 0755) == 0) {
			if (access(procs, W_OK) == 0)
				return path;
			rmdir(path);
		}
		free(path);
	}
	return NULL;
}

static void a_noted_cgroup_is_emptied_and_removed(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct txn *t;
	int status;
	AUTO_FREE char *path = make_cgroup();
	if (!path)
		skip_because("no cgroup hierarchy is writable");
	AUTO_FREE char *inner = xasprintf("%s/inner", path),
		       *procs = xasprintf("%s/inner/cgroup.procs", path);
	assert_int_equal(mkdir(inner, 0755), 0);
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	AUTO_FREE char *line = xasprintf("%d", (int)pid);
	int fd = open(procs, O_WRONLY | O_CLOEXEC);
	assert_int_equal(fs_write_all(fd, line, strlen(line)), 0);
	close(fd);
	assert_int_equal(txn_begin(s, &t, &err), 0);
	assert_int_equal(txn_note_cgroup(t, path, &err), 0);
	txn_end(t);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(count(s, "tmp"), 0);
}

/* --- power cut: another boot ID in `synced`, and the time of the last sync set back or forth ---
 */

static void pretend_reboot(struct store *s, time_t synced)
{
	static const char other[] = "00000000-0000-0000-0000-000000000000";
	struct err err = ERR_INIT;
	const struct timespec times[2] = {{.tv_sec = synced}, {.tv_sec = synced}};
	assert_int_equal(
		fs_write_file(store_fd(s), "synced", other, strlen(other), 0600, false, &err), 0);
	assert_int_equal(utimensat(store_fd(s), "synced", times, 0), 0);
}

static struct store *reopen_and_write(struct store *s)
{
	struct err err = ERR_INIT;
	struct store *again;
	struct txn *t;
	assert_int_equal(store_open(store_path(s), 0, &again, &err), 0);
	assert_int_equal(txn_begin(again, &t, &err), 0);
	txn_end(t);
	return again;
}

static void after_a_crash_the_unnamed_goes_and_the_named_stays(void **state)
{
	struct store *s = *state, *again;
	struct err err = ERR_INIT;
	struct descriptor named = fixture_image(s, "localhost/a:1", "one"),
			  unnamed = fixture_image(s, NULL, "two");
	struct digest one = digest_of("one", 3), two = digest_of("two", 3),
		      key = digest_of("key", 3);
	struct record rec = {
		.has_layer = true, .layer = {.diff_id = one, .blob = one, .blob_size = 3}};
	assert_int_equal(record_put(s, &key, &rec, &err), 0);
	s = fixture_reopen(state);
	pretend_reboot(s, clock_now().tv_sec - 60);
	again = reopen_and_write(s);
	assert_true(blob_has(again, &named.digest, NULL));
	assert_true(blob_has(again, &one, NULL));
	assert_false(blob_has(again, &unnamed.digest, NULL));
	assert_false(blob_has(again, &two, NULL));
	assert_false(tree_has(again, &one)); /* to be unpacked again */
	assert_false(tree_has(again, &two));
	assert_int_equal(record_get(again, &key, &rec, &err), ERR_NOT_FOUND);
	store_close(again);
	descriptor_done(&named);
	descriptor_done(&unnamed);
}

static void after_a_crash_a_torn_blob_goes_even_if_named(void **state)
{
	struct store *s = *state, *again;
	char hex[DIGEST_STR_MAX];
	struct descriptor named = fixture_image(s, "localhost/a:1", "one");
	struct digest one = digest_of("one", 3);
	AUTO_FREE char *path =
		xasprintf("%s/blobs/sha256/%s", store_path(s), digest_hex(&one, hex));
	assert_int_equal(truncate(path, 0), 0);
	s = fixture_reopen(state);
	pretend_reboot(s, clock_now().tv_sec - 60);
	again = reopen_and_write(s);
	assert_true(blob_has(again, &named.digest, NULL));
	assert_false(blob_has(again, &one, NULL));
	store_close(again);
	descriptor_done(&named);
}

static void after_a_crash_what_was_synced_before_stays(void **state)
{
	struct store *s = *state, *again;
	struct err err = ERR_INIT;
	struct descriptor unnamed = fixture_image(s, NULL, "two");
	struct digest two = digest_of("two", 3);
	s = fixture_reopen(state);
	pretend_reboot(s, clock_now().tv_sec + 60);
	again = reopen_and_write(s);
	assert_true(blob_has(again, &unnamed.digest, NULL));
	assert_true(tree_has(again, &two));
	/* noted: the next time nothing is looked at */
	AUTO_FREE char *id = NULL;
	assert_int_equal(fs_read_file(store_fd(again), "synced", 100, &id, NULL, &err), 0);
	assert_int_not_equal(strncmp(id, "0000", 4), 0);
	store_close(again);
	descriptor_done(&unnamed);
}

static void syncing_moves_the_time_on(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct descriptor d = fixture_image(s, NULL, "one");
	struct stat st;
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	assert_int_equal(utimensat(store_fd(s), "synced", old, 0), 0);
	assert_int_equal(store_sync(s, &err), 0);
	assert_int_equal(fstatat(store_fd(s), "synced", &st, 0), 0);
	assert_true(st.st_mtim.tv_sec >= clock_now().tv_sec - 10);
	/* nothing written since: nothing to do */
	assert_int_equal(utimensat(store_fd(s), "synced", old, 0), 0);
	assert_int_equal(store_sync(s, &err), 0);
	assert_int_equal(fstatat(store_fd(s), "synced", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
	descriptor_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_new_store_is_a_private_oci_layout),
		STORE_TEST(opens_again_what_is_there),
		STORE_TEST(refuses_an_unknown_version),
		STORE_TEST(refuses_a_directory_of_somebody_else),
		STORE_TEST(reading_only_never_makes_a_store),
		STORE_TEST(a_half_made_store_is_completed),
		STORE_TEST(a_transaction_leaves_nothing),
		STORE_TEST(a_job_makes_directories_beside_the_transaction_s_owner),
		STORE_TEST(a_dead_owner_is_swept_and_a_live_one_is_not),
		STORE_TEST(children_that_outlive_a_dead_owner_are_waited_for),
		STORE_TEST(so_they_are_in_another_pid_namespace),
		STORE_TEST(many_processes_begin_and_sweep_at_once),
		STORE_TEST(a_noted_path_outside_of_the_cgroups_is_not_touched),
		STORE_TEST(a_noted_cgroup_is_emptied_and_removed),
		STORE_TEST(after_a_crash_the_unnamed_goes_and_the_named_stays),
		STORE_TEST(after_a_crash_a_torn_blob_goes_even_if_named),
		STORE_TEST(after_a_crash_what_was_synced_before_stays),
		STORE_TEST(syncing_moves_the_time_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
