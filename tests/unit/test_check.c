/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/unit.h"

#include "base/stream.h"
#include "base/strv.h"
#include "base/tmp.h"
#include "layers/diff.h"
#include "store/gc.h"
#include "store/records.h"
#include "tests/unit/store_fixture.h"

/* A layer as a build makes it: a directory with one file, its tar as a blob (gzip), its tree. */
static struct layer make_layer(struct store *s, const char *content)
{
	struct err err = ERR_INIT;
	struct txn *t;
	struct layer l;
	AUTO_FREE char *name = NULL;
	AUTO_FD int fd = -1;
	struct tmp blob = TMP_INIT;
	const struct diff_opts opts = {.compression = COMPRESSION_GZIP, .level = -1};

	assert_int_equal(txn_begin(s, &t, &err), 0);
	assert_int_equal(txn_mkdir(t, "up", &name, &fd, &err), 0);
	assert_int_equal(fs_write_file(fd, "file", content, strlen(content), 0644, false, &err), 0);
	assert_int_equal(blob_begin(s, &blob, &err), 0);
	AUTO_WRITER struct writer *out = writer_to_fd(blob.fd, "blob");
	if (layer_diff(fd, &opts, out, &l, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(blob_commit(s, &blob, &l.blob, &err), 0);
	tmp_done(&blob);
	assert_int_equal(tree_publish(s, t, name, &l.diff_id, &err), 0);
	txn_end(t);
	return l;
}

static struct layer make_image(struct store *s, const char *ref, const char *content)
{
	struct err err = ERR_INIT;
	const struct platform p = {.os = "linux", .arch = "amd64"};
	struct layer l = make_layer(s, content);
	struct image_config c;
	struct manifest m = {0};
	char media_type[] = MT_OCI_LAYER_GZIP;
	const struct descriptor d = {
		.media_type = media_type, .digest = l.blob, .size = l.blob_size};

	image_config_init(&c, &p);
	image_config_add_diff_id(&c, &l.diff_id);
	AUTO_FREE char *config = image_config_dump(&c);
	image_config_done(&c);
	m.config = fixture_blob(s, MT_OCI_CONFIG, config);
	manifest_add_layer(&m, &d);
	AUTO_FREE char *text = manifest_dump(&m);
	manifest_done(&m);
	struct descriptor top = fixture_blob(s, MT_OCI_MANIFEST, text);
	assert_int_equal(names_set(s, &ref, 1, &top, &err), 0);
	descriptor_done(&top);
	return l;
}

static struct check_result check(struct store *s, struct strv *problems)
{
	struct err err = ERR_INIT;
	struct check_result r;
	if (store_check(s, &r, problems, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(r.problems, problems->n);
	return r;
}

static void expect_problem(struct store *s, const char *text)
{
	AUTO_STRV struct strv problems = STRV_INIT;
	(void)check(s, &problems);
	STRV_FOREACH (line, &problems)
		if (strstr(*line, text))
			return;
	fail_msg("no problem says \"%s\" (%zu problems, first: %s)", text, problems.n,
		problems.n ? problems.v[0] : "none");
}

static void a_sound_store_has_no_problems(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	AUTO_STRV struct strv problems = STRV_INIT;
	struct layer l = make_image(s, "localhost/a:1", "one"), cached = make_layer(s, "two");
	struct digest key = digest_of("key", 3);
	struct record rec = {.has_layer = true, .layer = cached, .compression = COMPRESSION_GZIP};
	assert_int_equal(record_put(s, &key, &rec, &err), 0);
	struct check_result r = check(s, &problems);
	if (problems.n)
		fail_msg("%s", problems.v[0]);
	assert_int_equal(r.blobs, 4);
	assert_int_equal(r.images, 1);
	assert_int_equal(r.layers, 2);
	assert_int_equal(r.records, 1);
	assert_true(l.entries > 0);
}

static char *tree_path(struct store *s, const struct layer *l, const char *below)
{
	char hex[DIGEST_STR_MAX];
	return xasprintf("%s/layers/%s/%s", store_path(s), digest_hex(&l->diff_id, hex), below);
}

static void finds_a_changed_file_in_a_tree(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct layer l = make_image(s, "localhost/a:1", "one");
	AUTO_FREE char *path = tree_path(s, &l, "file");
	assert_int_equal(fs_write_file(AT_FDCWD, path, "eno", 3, 0644, false, &err), 0);
	expect_problem(s, "layer sha256:");
}

static void finds_an_added_file_in_a_tree(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct layer l = make_image(s, "localhost/a:1", "one");
	AUTO_FREE char *path = tree_path(s, &l, "more");
	assert_int_equal(fs_write_file(AT_FDCWD, path, "x", 1, 0644, false, &err), 0);
	expect_problem(s, "more");
}

static void finds_a_damaged_blob(void **state)
{
	struct store *s = *state;
	char hex[DIGEST_STR_MAX];
	struct layer l = make_image(s, "localhost/a:1", "one");
	AUTO_FREE char *path = xasprintf("blobs/sha256/%s", digest_hex(&l.blob, hex));
	int fd = openat(store_fd(s), path, O_RDWR);
	assert_int_equal(pwrite(fd, "X", 1, 30), 1);
	close(fd);
	expect_problem(s, "content has digest sha256:");
}

static void finds_missing_documents_and_layers(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct descriptor d;
	struct layer l = make_image(s, "localhost/a:1", "one");
	assert_int_equal(blob_remove(s, &l.blob, &err), 0);
	assert_int_equal(tree_remove(s, &l.diff_id, &err), 0);
	expect_problem(s, "image localhost/a:1: layer sha256:");
	assert_int_equal(name_get(s, "localhost/a:1", &d, &err), 0);
	assert_int_equal(blob_remove(s, &d.digest, &err), 0);
	expect_problem(s, "image localhost/a:1: blob sha256:");
	descriptor_done(&d);
}

static void finds_leftovers_and_damaged_records(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	static const char *const files[] = {"blobs/sha256/.tmp-1", "layers/x", "cache/steps/y"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_FREE char *want = xasprintf("leftover '%s'", files[i]);
		assert_int_equal(fs_write_file(store_fd(s), files[i], "", 0, 0600, false, &err), 0);
		expect_problem(s, want);
		assert_int_equal(unlinkat(store_fd(s), files[i], 0), 0);
	}
	static const char record[] =
		"cache/steps/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	assert_int_equal(fs_write_file(store_fd(s), record, "mica-", 5, 0600, false, &err), 0);
	expect_problem(s, "is damaged");
}

static void what_the_dead_left_is_swept_first(void **state)
{
	struct store *s = *state;
	AUTO_STRV struct strv problems = STRV_INIT;
	assert_int_equal(mkdirat(store_fd(s), "tmp/0123456789abcdef", 0700), 0);
	(void)check(s, &problems);
	assert_int_equal(problems.n, 0);
}

static void killed_at_any_moment_the_store_is_sound(void **state)
{
	struct store *s = *state;
	enum { ROUNDS = 25 };
	for (unsigned round = 0; round < ROUNDS; round++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct err err = ERR_INIT;
			struct store *own;
			struct gc_result r;
			const struct gc_opts o = {.unnamed = true};
			if (store_open(store_path(s), 0, &own, &err) < 0)
				_exit(1);
			for (unsigned n = 0;; n++) {
				char content[32];
				(void)snprintf(content, sizeof(content), "%u %u", round, n);
				(void)make_image(own, "localhost/a:1", content);
				if (n % 4 == 3 && store_gc(own, &o, &r, NULL, &err) < 0)
					_exit(1);
			}
		}
		(void)usleep(500 + round * 700);
		kill(pid, SIGKILL);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		AUTO_STRV struct strv problems = STRV_INIT;
		(void)check(s, &problems);
		if (problems.n)
			fail_msg("round %u: %s", round, problems.v[0]);
	}
}

#define HEX "1111111111111111111111111111111111111111111111111111111111111111"

static void expect_none(struct store *s)
{
	AUTO_STRV struct strv problems = STRV_INIT;
	(void)check(s, &problems);
	if (problems.n)
		fail_msg("%s", problems.v[0]);
}

/* Whoever put it there may want it: it is found, put away, and never overwritten. */
static void puts_away_what_no_store_has(void **state)
{
	static const char *const dirs[] = {"", "blobs/", "blobs/sha256/", "layers/", "cache/",
		"cache/steps/", "cache/stat/", "containers/", "containers/" HEX "/", "mounts/",
		"mounts/" HEX "/", "logs/"};
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct check_result r;

	assert_int_equal(mkdirat(store_fd(s), "mounts/" HEX, 0700), 0);
	assert_int_equal(mkdirat(store_fd(s), "containers/" HEX, 0700), 0);
	assert_int_equal(mkdirat(store_fd(s), "logs", 0700), 0);
	for (int round = 1; round <= 2; round++) {
		AUTO_STRV struct strv problems = STRV_INIT, again = STRV_INIT;
		for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
			AUTO_FREE char *path = xasprintf("%sstrange", dirs[i]);
			assert_int_equal(fs_write_file(store_fd(s), path, path, strlen(path), 0600,
						 false, &err),
				0);
		}
		if (store_repair(s, &r, &problems, &err) < 0)
			fail_msg("%s", err.msg);
		for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
			AUTO_FREE char *path = xasprintf("%sstrange", dirs[i]),
				       *line = xasprintf("leftover '%s'", path),
				       *flat = xasprintf(
					       "found/%s%s", path, round == 1 ? "" : ".2"),
				       *text = NULL;
			for (char *c = flat + strlen("found/"); (c = strchr(c, '/'));)
				*c = '.';
			assert_true(strv_has(&problems, line));
			assert_int_equal(
				fs_read_file(store_fd(s), flat, 200, &text, NULL, &err), 0);
			assert_string_equal(text, path);
			assert_int_equal(faccessat(store_fd(s), path, F_OK, 0), -1);
		}
		/* the container that is none stays one */
		assert_int_equal(store_check(s, &r, &again, &err), 0);
		STRV_FOREACH (line, &again)
			assert_null(strstr(*line, "leftover"));
	}
}

/* What a killed process was writing is nobody's, what a living one writes is no problem. */
static void removes_files_that_were_left_half_written(void **state)
{
	static const char *const old[] = {".tmp-00000000000000000000",
		"cache/.tmp-00000000000000000001", "mounts/" HEX "/.tmp-00000000000000000002"};
	static const char young[] = ".tmp-00000000000000000003";
	const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	const struct gc_opts nothing = {0};
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct gc_result swept;

	assert_int_equal(mkdirat(store_fd(s), "mounts/" HEX, 0700), 0);
	assert_int_equal(fs_write_file(store_fd(s), young, "x", 1, 0600, false, &err), 0);
	expect_none(s);
	for (size_t i = 0; i < ARRAY_LEN(old); i++) {
		assert_int_equal(fs_write_file(store_fd(s), old[i], "x", 1, 0600, false, &err), 0);
		assert_int_equal(utimensat(store_fd(s), old[i], times, 0), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		expect_problem(s, old[i]);
	assert_int_equal(store_gc(s, &nothing, &swept, NULL, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		assert_int_equal(faccessat(store_fd(s), old[i], F_OK, 0), -1);
	assert_int_equal(faccessat(store_fd(s), young, F_OK, 0), 0);
	expect_none(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_sound_store_has_no_problems),
		STORE_TEST(finds_a_changed_file_in_a_tree),
		STORE_TEST(finds_an_added_file_in_a_tree),
		STORE_TEST(finds_a_damaged_blob),
		STORE_TEST(finds_missing_documents_and_layers),
		STORE_TEST(finds_leftovers_and_damaged_records),
		STORE_TEST(puts_away_what_no_store_has),
		STORE_TEST(removes_files_that_were_left_half_written),
		STORE_TEST(what_the_dead_left_is_swept_first),
		STORE_TEST(killed_at_any_moment_the_store_is_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
