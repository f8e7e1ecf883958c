/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/dir_list.h"
#include "store/disk_usage.h"
#include "store/gc.h"
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

static struct gc_result gc(struct store *s, struct gc_opts o)
{
	struct err err = ERR_INIT;
	struct gc_result r;
	assert_int_equal(store_gc(s, &o, &r, NULL, &err), 0);
	return r;
}

static void image(struct store *s, const char *ref, const char *layer)
{
	struct err err = ERR_INIT;
	struct descriptor d = fixture_image(s, ref, layer);
	if (!ref)
		assert_int_equal(names_set(s, NULL, 0, &d, &err), 0);
	descriptor_done(&d);
}

static void record(struct store *s, const char *key, const char *layer)
{
	struct err err = ERR_INIT;
	struct digest k = digest_of(key, strlen(key)), l = digest_of(layer, strlen(layer));
	struct record rec = {
		.has_layer = true, .layer = {.diff_id = l, .blob = l, .blob_size = strlen(layer)}};
	assert_int_equal(record_put(s, &k, &rec, &err), 0);
}

static bool has_layer(struct store *s, const char *layer)
{
	struct digest d = digest_of(layer, strlen(layer));
	assert_int_equal(blob_has(s, &d, NULL), tree_has(s, &d));
	return tree_has(s, &d);
}

static void what_a_name_reaches_stays(void **state)
{
	struct store *s = *state;
	image(s, "localhost/a:1", "one");
	image(s, NULL, "two");
	struct gc_result r = gc(s, (struct gc_opts){0});
	assert_int_equal(r.blobs + r.layers + r.images, 0);
	assert_false(r.deferred);
	assert_true(has_layer(s, "one") && has_layer(s, "two"));
}

static void what_nothing_reaches_goes(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	image(s, "localhost/a:1", "one");
	image(s, "localhost/b:1", "two");
	assert_int_equal(name_remove(s, "localhost/b:1", false, &err), 0);
	struct gc_result r = gc(s, (struct gc_opts){0});
	assert_int_equal(r.blobs, 3);
	assert_int_equal(r.layers, 1);
	assert_true(r.freed > 0);
	assert_true(has_layer(s, "one"));
	assert_false(has_layer(s, "two"));
	assert_int_equal(count(s, "tmp"), 0);
}

static void a_cache_record_keeps_its_layer(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	image(s, "localhost/a:1", "one");
	record(s, "key", "one");
	assert_int_equal(name_remove(s, "localhost/a:1", false, &err), 0);
	struct gc_result r = gc(s, (struct gc_opts){0});
	assert_int_equal(r.blobs, 2); /* manifest and config */
	assert_int_equal(r.layers, 0);
	assert_true(has_layer(s, "one"));
	r = gc(s, (struct gc_opts){.cache = true});
	assert_int_equal(r.records, 1);
	assert_int_equal(r.layers, 1);
	assert_false(has_layer(s, "one"));
	assert_int_equal(count(s, "cache/steps"), 0);
}

static void the_last_transaction_makes_up_for_a_deferred_sweep(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct txn *a, *b;
	image(s, "localhost/a:1", "one");
	image(s, "localhost/b:1", "two");
	store_scratch_end(s);
	assert_int_equal(txn_begin(s, &a, &err), 0);
	assert_int_equal(txn_begin(s, &b, &err), 0);
	assert_int_equal(name_remove(s, "localhost/b:1", false, &err), 0);
	assert_true(gc(s, (struct gc_opts){0}).deferred);
	txn_end(a);
	assert_true(has_layer(s, "two"));
	txn_end(b);
	assert_false(has_layer(s, "two"));
	assert_true(has_layer(s, "one"));
	assert_int_equal(faccessat(store_fd(s), "gc.wanted", F_OK, 0), -1);
}

static void pruning_takes_unnamed_images_and_all_takes_named_ones(void **state)
{
	struct store *s = *state;
	image(s, "localhost/a:1", "one");
	image(s, NULL, "two");
	struct gc_result r = gc(s, (struct gc_opts){.unnamed = true});
	assert_int_equal(r.images, 1);
	assert_true(has_layer(s, "one"));
	assert_false(has_layer(s, "two"));
	r = gc(s, (struct gc_opts){.all = true});
	assert_int_equal(r.images, 1);
	assert_int_equal(count(s, "blobs/sha256"), 0);
	assert_int_equal(count(s, "layers"), 0);
}

static void what_is_to_be_kept_is_kept(void **state)
{
	struct store *s = *state;
	AUTO_STRV struct strv keep = STRV_INIT;
	image(s, "localhost/a:1", "one");
	image(s, "localhost/b:1", "two");
	strv_add(&keep, "localhost/b:1");
	struct gc_result r = gc(s, (struct gc_opts){.all = true, .keep = &keep});
	assert_int_equal(r.images, 1);
	assert_false(has_layer(s, "one"));
	assert_true(has_layer(s, "two"));
}

static void a_dry_run_says_the_same_and_does_nothing(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	AUTO_STRV struct strv said = STRV_INIT, done = STRV_INIT;
	struct gc_opts o = {.unnamed = true, .cache = true, .dry_run = true};
	struct gc_result dry, real;
	image(s, "localhost/a:1", "one");
	image(s, NULL, "two");
	record(s, "key", "two");
	assert_int_equal(store_gc(s, &o, &dry, &said, &err), 0);
	assert_true(has_layer(s, "two"));
	assert_int_equal(count(s, "cache/steps"), 1);
	o.dry_run = false;
	assert_int_equal(store_gc(s, &o, &real, &done, &err), 0);
	assert_int_equal(said.n, done.n);
	for (size_t i = 0; i < said.n; i++)
		assert_string_equal(said.v[i], done.v[i]);
	assert_int_equal(said.n, 1 + 1 + 3 + 1);
	assert_int_equal(dry.freed, real.freed);
}

static void a_live_transaction_defers_the_sweep_but_names_go(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct txn *t;
	image(s, NULL, "two");
	assert_int_equal(txn_begin(s, &t, &err), 0);
	struct gc_result r = gc(s, (struct gc_opts){.unnamed = true});
	assert_true(r.deferred);
	assert_int_equal(r.images, 1);
	assert_true(has_layer(s, "two"));
	txn_end(t);
	r = gc(s, (struct gc_opts){0});
	assert_false(r.deferred);
	assert_false(has_layer(s, "two"));
}

static void a_container_keeps_its_base(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	char buf[DIGEST_STR_MAX];
	struct descriptor d = fixture_image(s, "localhost/a:1", "one");
	assert_int_equal(mkdirat(store_fd(s), "containers/c1", 0700), 0);
	AUTO_FREE char *uses = xasprintf("%s\n", digest_str(&d.digest, buf));
	assert_int_equal(fs_write_file(store_fd(s), "containers/c1/uses", uses, strlen(uses), 0600,
				 false, &err),
		0);
	(void)gc(s, (struct gc_opts){.all = true});
	assert_true(has_layer(s, "one"));
	assert_int_equal(fs_remove_tree(store_fd(s), "containers/c1", &err), 0);
	(void)gc(s, (struct gc_opts){0});
	assert_false(has_layer(s, "one"));
	descriptor_done(&d);
}

static void usage_counts_what_is_there(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct usage u;
	image(s, "localhost/a:1", "one");
	image(s, "localhost/a:2", "one");
	record(s, "key", "one");
	assert_int_equal(store_usage(s, &u, &err), 0);
	assert_int_equal(u.images, 1);
	assert_int_equal(u.layers, 1);
	assert_int_equal(u.blobs, 3);
	assert_int_equal(u.records, 1);
	assert_true(u.blob_bytes >= 3 * 512);
}

static uint64_t add_file(int dir, const char *name)
{
	struct err err = ERR_INIT;
	static const char text[9000];
	assert_int_equal(fs_write_file(dir, name, text, sizeof(text), 0600, false, &err), 0);
	return disk_usage_own(dir, name);
}

/* With files beside each directory, so that whoever comes back goes on where he was. */
static void trees_are_counted_however_deep_they_are(void **state)
{
	enum { DEPTH = 4500, EVERY = 500 };
	struct store *s = *state;
	struct err err = ERR_INIT;
	uint64_t sum = 0;
	assert_int_equal(mkdirat(store_fd(s), "deep", 0700), 0);
	int at = openat(store_fd(s), "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < DEPTH; i++) {
		if (i % EVERY == 0)
			sum += add_file(at, "before");
		assert_int_equal(mkdirat(at, "d", 0700), 0);
		if (i % EVERY == 0)
			sum += add_file(at, "later") + add_file(at, "last");
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		sum += disk_usage_own(at, ".");
		close(at);
		at = next;
	}
	sum += add_file(at, "bottom") + disk_usage_own(at, ".");
	close(at);
	struct rlimit old, few;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){.rlim_cur = 64, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	uint64_t counted = disk_usage(store_fd(s), "deep");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(fs_remove_tree(store_fd(s), "deep", &err), 0);
	assert_int_equal(counted, sum);
}

enum { MOVED_DEPTH = 40, MOVED_FILES = 1000, MOVED_BESIDE = 8 * MIB };

static void make_moved(int top, const char *name)
{
	assert_int_equal(mkdirat(top, name, 0700), 0);
	int at = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(at, "b", 0700), 0);
	for (unsigned i = 0; i < MOVED_DEPTH; i++) {
		assert_int_equal(mkdirat(at, "a", 0700), 0);
		int next = openat(at, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = next;
	}
	for (unsigned i = 0; i < MOVED_FILES; i++) {
		char file[16];
		(void)snprintf(file, sizeof(file), "%u", i);
		AUTO_FD int fd = openat(at, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
	}
	close(at);
}

static _Noreturn void move_for_ever(int top)
{
	while (getppid() != 1) {
		(void)renameat(top, "1/a", top, "1/b/a");
		(void)renameat(top, "3/a", top, "3/b/a");
		(void)renameat(top, "1/b/a", top, "1/a");
		(void)renameat(top, "3/b/a", top, "3/a");
	}
	_exit(0);
}

/* Whichever of the three is looked at first. */
static void what_is_moved_hides_nothing_else(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	assert_int_equal(mkdirat(store_fd(s), "moved", 0700), 0);
	AUTO_FD int top = openat(store_fd(s), "moved", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_moved(top, "1");
	AUTO_FD int two = openat(top, "2", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(posix_fallocate(two, 0, MOVED_BESIDE), 0);
	make_moved(top, "3");
	pid_t pid = fork();
	if (pid == 0)
		move_for_ever(top);
	bool all = true;
	for (unsigned i = 0; i < 20; i++)
		all = all && disk_usage(store_fd(s), "moved") >= MOVED_BESIDE;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(fs_remove_tree(store_fd(s), "moved", &err), 0);
	assert_true(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_a_name_reaches_stays),
		STORE_TEST(what_nothing_reaches_goes),
		STORE_TEST(a_cache_record_keeps_its_layer),
		STORE_TEST(the_last_transaction_makes_up_for_a_deferred_sweep),
		STORE_TEST(pruning_takes_unnamed_images_and_all_takes_named_ones),
		STORE_TEST(what_is_to_be_kept_is_kept),
		STORE_TEST(a_dry_run_says_the_same_and_does_nothing),
		STORE_TEST(a_live_transaction_defers_the_sweep_but_names_go),
		STORE_TEST(a_container_keeps_its_base),
		STORE_TEST(usage_counts_what_is_there),
		STORE_TEST(trees_are_counted_however_deep_they_are),
		STORE_TEST(what_is_moved_hides_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
