/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/zstd_stream.h"
#include "tests/unit/tree.h"

static void pack(const void *p, size_t n, int level, struct mem_writer *out)
{
	struct err err = ERR_INIT;
	AUTO_WRITER struct writer *w = writer_zstd(&out->w, level);
	assert_int_equal(writer_write(w, p, n, &err), 0);
	assert_int_equal(writer_finish(w, &err), 0);
}

static int unpack(const void *p, size_t n, size_t step, struct buf *out, struct err *err)
{
	AUTO_READER struct reader *mem = reader_from_mem(p, n);
	AUTO_READER struct reader *r = reader_unzstd(mem);
	AUTO_FREE char *chunk = xmalloc(step);
	for (;;) {
		ssize_t got = reader_read(r, chunk, step, err);
		if (got <= 0)
			return (int)got;
		buf_add(out, chunk, (size_t)got);
	}
}

static void what_is_written_is_read_again(void **state)
{
	(void)state;
	for (size_t n = 0; n < 2000000; n = n * 7 + 1) {
		AUTO_FREE char *p = xmalloc(n + 1);
		for (size_t i = 0; i < n; i++)
			p[i] = (char)(i * i >> 7);
		AUTO_MEM_WRITER struct mem_writer z = MEM_WRITER;
		pack(p, n, 0, &z);
		AUTO_BUF struct buf back = BUF_INIT(16 * MIB);
		struct err err = ERR_INIT;
		assert_int_equal(unpack(z.data.data, z.data.len, 1000, &back, &err), 0);
		assert_int_equal(back.len, n);
		assert_memory_equal(buf_str(&back), p, n);
	}
}

static void frames_in_a_row_and_skippable_ones_are_one_stream(void **state)
{
	(void)state;
	AUTO_MEM_WRITER struct mem_writer z = MEM_WRITER;
	buf_add(&z.data, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
	pack("hello ", 6, 3, &z);
	pack("world", 5, 3, &z);
	AUTO_BUF struct buf back = BUF_INIT(MIB);
	struct err err = ERR_INIT;
	assert_int_equal(unpack(z.data.data, z.data.len, 3, &back, &err), 0);
	assert_string_equal(buf_str(&back), "hello world");
}

static void truncation_garbage_and_changes_are_refused(void **state)
{
	(void)state;
	AUTO_MEM_WRITER struct mem_writer z = MEM_WRITER;
	pack("some text that is some text that is some text", 45, 3, &z);
	struct err err = ERR_INIT;
	for (size_t n = 0; n < z.data.len; n++) {
		AUTO_BUF struct buf back = BUF_INIT(MIB);
		assert_int_equal(unpack(z.data.data, n, 100, &back, &err), ERR_CORRUPT);
	}
	AUTO_BUF struct buf back = BUF_INIT(MIB);
	buf_add(&z.data, "garbage", 7);
	assert_int_equal(unpack(z.data.data, z.data.len, 100, &back, &err), ERR_CORRUPT);
	buf_remove(&z.data, z.data.len - 7, 7);
	z.data.data[z.data.len - 1] ^= 1; /* the content checksum */
	assert_int_equal(unpack(z.data.data, z.data.len, 100, &back, &err), ERR_CORRUPT);
}

static void a_window_above_128_mib_is_refused(void **state)
{
	(void)state;
	/* RFC 8878 3.1.1.1: no single segment, window descriptor 0x98: exponent 19, 2^29 bytes; an
	 * empty raw last block */
	static const char frame[] = "\x28\xb5\x2f\xfd\x00\x98\x01\x00\x00";
	AUTO_BUF struct buf back = BUF_INIT(MIB);
	struct err err = ERR_INIT;
	assert_int_equal(unpack(frame, sizeof(frame) - 1, 100, &back, &err), ERR_CORRUPT);
	static const char fits[] = "\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00";
	assert_int_equal(unpack(fits, sizeof(fits) - 1, 100, &back, &err), 0);
}

static void a_frame_that_is_not_as_long_as_it_says_is_refused(void **state)
{
	(void)state;
	/* content size 0x0a55 + 256, and nothing but an empty raw last block; then three bytes of
	 * three, in two blocks, of which the last one is empty */
	static const char nothing[] = "\x28\xb5\x2f\xfd\x40\x61\x55\x0a\x01\x00\x00";
	static const char three[] = "\x28\xb5\x2f\xfd\x20\x03\x18\x00\x00"
				    "abc\x01\x00\x00";
	struct err err = ERR_INIT;
	for (size_t step = 1; step <= 10000; step *= 100) {
		AUTO_BUF struct buf back = BUF_INIT(MIB);
		assert_int_equal(
			unpack(nothing, sizeof(nothing) - 1, step, &back, &err), ERR_CORRUPT);
		assert_int_equal(unpack(three, sizeof(three) - 1, step, &back, &err), 0);
		assert_string_equal(buf_str(&back), "abc");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(frames_in_a_row_and_skippable_ones_are_one_stream),
		cmocka_unit_test(truncation_garbage_and_changes_are_refused),
		cmocka_unit_test(a_window_above_128_mib_is_refused),
		cmocka_unit_test(a_frame_that_is_not_as_long_as_it_says_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
