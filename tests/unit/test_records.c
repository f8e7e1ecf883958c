/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "image/media_type.h"
#include "store/records.h"
#include "tests/unit/store_fixture.h"

static struct record layer_record(struct store *s, const char *text)
{
	struct descriptor d = fixture_blob(s, MT_OCI_LAYER, text);
	struct record r = {
		.has_layer = true,
		.layer = {.diff_id = digest_of("diff", 4),
			.blob = d.digest,
			.blob_size = d.size,
			.diff_size = 1024,
			.content = 7,
			.entries = 3},
		.compression = COMPRESSION_ZSTD,
		.created_s = 1714564800,
		.created_ns = 5,
	};
	descriptor_done(&d);
	return r;
}

static void all_of_it_comes_back(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct digest key = digest_of("key", 3);
	struct record r = layer_record(s, "tar"), got;
	char inputs[] = "{\"parent\":\"x\"}\nand\n\nmore";
	r.inputs = inputs;
	assert_int_equal(record_put(s, &key, &r, &err), 0);
	assert_int_equal(record_get(s, &key, &got, &err), 0);
	assert_true(got.has_layer);
	assert_memory_equal(&got.layer, &r.layer, sizeof(r.layer));
	assert_int_equal(got.compression, COMPRESSION_ZSTD);
	assert_int_equal(got.created_s, r.created_s);
	assert_int_equal(got.created_ns, 5);
	assert_string_equal(got.inputs, inputs);
	record_done(&got);
}

static void the_cache_may_have_been_removed_by_hand(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct digest key = digest_of("key", 3);
	struct record r = layer_record(s, "tar"), got;
	assert_int_equal(fs_remove_tree(store_fd(s), "cache", &err), 0);
	assert_int_equal(record_put(s, &key, &r, &err), 0);
	assert_int_equal(record_get(s, &key, &got, &err), 0);
	record_done(&got);
}

static void a_step_may_change_nothing(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct digest key = digest_of("key", 3);
	struct record r = {.created_s = -1}, got;
	assert_int_equal(record_put(s, &key, &r, &err), 0);
	assert_int_equal(record_get(s, &key, &got, &err), 0);
	assert_false(got.has_layer);
	assert_int_equal(got.created_s, -1);
	assert_null(got.inputs);
	record_done(&got);
}

static void the_newest_wins(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct digest key = digest_of("key", 3);
	struct record a = layer_record(s, "one"), b = layer_record(s, "three"), got;
	assert_int_equal(record_put(s, &key, &a, &err), 0);
	assert_int_equal(record_put(s, &key, &b, &err), 0);
	assert_int_equal(record_get(s, &key, &got, &err), 0);
	assert_int_equal(got.layer.blob_size, 5);
	record_done(&got);
}

static void a_broken_one_is_a_miss(void **state)
{
	struct store *s = *state;
	struct err err = ERR_INIT;
	struct digest key = digest_of("key", 3);
	struct record r = layer_record(s, "tar"), got;
	char hex[DIGEST_STR_MAX];
	assert_int_equal(record_get(s, &key, &got, &err), ERR_NOT_FOUND);
	assert_int_equal(record_put(s, &key, &r, &err), 0);
	/* without its blob */
	assert_int_equal(blob_remove(s, &r.layer.blob, &err), 0);
	assert_int_equal(record_get(s, &key, &got, &err), ERR_CORRUPT);
	r = layer_record(s, "tar");
	assert_int_equal(record_get(s, &key, &got, &err), 0);
	record_done(&got);
	/* cut at any place but in what only explains */
	AUTO_FREE char *path = xasprintf("cache/steps/%s", digest_hex(&key, hex)), *text = NULL;
	size_t n;
	assert_int_equal(fs_read_file(store_fd(s), path, 10000, &text, &n, &err), 0);
	for (size_t cut = 0; cut < n; cut++) {
		assert_int_equal(fs_write_file(store_fd(s), path, text, cut, 0600, false, &err), 0);
		assert_int_equal(record_get(s, &key, &got, &err), ERR_NOT_FOUND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(all_of_it_comes_back),
		STORE_TEST(the_cache_may_have_been_removed_by_hand),
		STORE_TEST(a_step_may_change_nothing),
		STORE_TEST(the_newest_wins),
		STORE_TEST(a_broken_one_is_a_miss),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
