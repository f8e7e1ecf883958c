/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/strv.h"
#include "image/media_type.h"
#include "store/dir_list.h"
#include "tests/unit/store_fixture.h"

static void what_was_put_is_there_under_its_digest(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct descriptor d = fixture_blob(s, MT_OCI_CONFIG, "hello");
	AUTO_FREE char *data = NULL;
	uint64_t size;
	size_t n;
	struct digest want = digest_of("hello", 5);
	assert_true(digest_equal(&d.digest, &want));
	assert_true(blob_has(s, &d.digest, &size));
	assert_int_equal(size, 5);
	assert_int_equal(blob_read(s, &d, 100, &data, &n, &err), 0);
	assert_string_equal(data, "hello");
	assert_int_equal(n, 5);
	descriptor_done(&d);
}

static void what_is_there_is_not_written_again(void **state)
{
	struct store *s = *state;
	struct stat before, after;
	char hex[DIGEST_STR_MAX];
	struct descriptor d = fixture_blob(s, MT_OCI_CONFIG, "hello");
	AUTO_FREE char *path = xasprintf("blobs/sha256/%s", digest_hex(&d.digest, hex));
	assert_int_equal(fstatat(store_fd(s), path, &before, 0), 0);
	descriptor_done(&d);
	d = fixture_blob(s, MT_OCI_CONFIG, "hello");
	assert_int_equal(fstatat(store_fd(s), path, &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	/* unless it is torn */
	AUTO_FREE char *whole = xasprintf("%s/%s", store_path(s), path);
	assert_int_equal(truncate(whole, 0), 0);
	descriptor_done(&d);
	d = fixture_blob(s, MT_OCI_CONFIG, "hello");
	assert_int_equal(fstatat(store_fd(s), path, &after, 0), 0);
	assert_int_equal(after.st_size, 5);
	descriptor_done(&d);
}

static void reading_checks_size_digest_and_limit(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	char *data, hex[DIGEST_STR_MAX];
	size_t n;
	struct descriptor d = fixture_blob(s, MT_OCI_CONFIG, "hello");
	AUTO_FREE char *path = xasprintf("blobs/sha256/%s", digest_hex(&d.digest, hex));
	assert_int_equal(blob_read(s, &d, 4, &data, &n, &err), ERR_LIMIT);
	d.size = 4;
	assert_int_equal(blob_read(s, &d, 100, &data, &n, &err), ERR_CORRUPT);
	d.size = 5;
	assert_int_equal(fs_write_file(store_fd(s), path, "jello", 5, 0600, false, &err), 0);
	assert_int_equal(blob_read(s, &d, 100, &data, &n, &err), ERR_CORRUPT);
	assert_int_equal(blob_remove(s, &d.digest, &err), 0);
	assert_int_equal(blob_read(s, &d, 100, &data, &n, &err), ERR_NOT_FOUND);
	assert_int_equal(blob_remove(s, &d.digest, &err), 0);
	descriptor_done(&d);
}

static void a_stream_that_is_dropped_leaves_nothing(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	AUTO_STRV struct strv blobs = STRV_INIT, tmp = STRV_INIT;
	struct tmp t = TMP_INIT, kept = TMP_INIT;
	struct digest d = digest_of("abc", 3);
	assert_int_equal(blob_begin(s, &t, &err), 0);
	assert_int_equal(write(t.fd, "xyz", 3), 3);
	tmp_done(&t);
	assert_int_equal(blob_begin(s, &kept, &err), 0);
	assert_int_equal(write(kept.fd, "abc", 3), 3);
	assert_int_equal(blob_commit(s, &kept, &d, &err), 0);
	tmp_done(&kept);
	assert_true(blob_has(s, &d, NULL));
	s = fixture_reopen(state);
	assert_int_equal(dir_list(store_fd(s), "blobs/sha256", &blobs, &err), 0);
	assert_int_equal(dir_list(store_fd(s), "tmp", &tmp, &err), 0);
	assert_int_equal(blobs.n, 1);
	assert_int_equal(tmp.n, 0);
}

static void a_link_is_no_blob(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	char hex[DIGEST_STR_MAX];
	struct digest d = digest_of("x", 1);
	int fd;
	AUTO_FREE char *path = xasprintf("blobs/sha256/%s", digest_hex(&d, hex));
	assert_int_equal(symlinkat("/etc/passwd", store_fd(s), path), 0);
	assert_false(blob_has(s, &d, NULL));
	assert_int_equal(blob_open(s, &d, &fd, &err), ERR_SYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_was_put_is_there_under_its_digest),
		STORE_TEST(what_is_there_is_not_written_again),
		STORE_TEST(reading_checks_size_digest_and_limit),
		STORE_TEST(a_stream_that_is_dropped_leaves_nothing),
		STORE_TEST(a_link_is_no_blob),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
