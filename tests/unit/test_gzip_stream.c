/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>

#include "tests/unit/unit.h"

#include "base/gzip_stream.h"
#include "tests/unit/tree.h"

/* Text that compresses, with some that does not. */
static char *sample(size_t n)
{
	char *p = xmalloc(n + 1);
	unsigned seed = 7;
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		p[i] = (i / 1000) % 3 ? (char)('a' + i % 17) : (char)(seed >> 16);
	}
	return p;
}

static void pack(const void *p, size_t n, size_t step, int level, struct mem_writer *out)
{
	struct err err = ERR_INIT;
	AUTO_WRITER struct writer *w = writer_gzip(&out->w, level);
	for (size_t at = 0; at < n; at += step)
		assert_int_equal(
			writer_write(w, (const char *)p + at, n - at < step ? n - at : step, &err),
			0);
	assert_int_equal(writer_finish(w, &err), 0);
}

static int unpack(const void *p, size_t n, size_t step, struct buf *out, struct err *err)
{
	AUTO_READER struct reader *mem = reader_from_mem(p, n);
	AUTO_READER struct reader *r = reader_gunzip(mem);
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
	static const size_t sizes[] = {
		0, 1, 511, 65536, GZIP_PIECE, 600000, 2 * GZIP_PIECE, 3000000};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (int level = -1; level <= 3; level++) {
			AUTO_FREE char *p = sample(sizes[i]);
			AUTO_MEM_WRITER struct mem_writer z = MEM_WRITER;
			pack(p, sizes[i], 70000, level, &z);
			AUTO_BUF struct buf back = BUF_INIT(16 * MIB);
			struct err err = ERR_INIT;
			assert_int_equal(
				unpack(z.data.data, z.data.len, i % 2 ? 100000 : 777, &back, &err),
				0);
			assert_int_equal(back.len, sizes[i]);
			assert_memory_equal(buf_str(&back), p, sizes[i]);
		}
	}
}

static void the_stream_does_not_depend_on_how_the_bytes_arrive(void **state)
{
	(void)state;
	AUTO_FREE char *p = sample(2000000);
	AUTO_MEM_WRITER struct mem_writer a = MEM_WRITER, b = MEM_WRITER;
	pack(p, 2000000, 2000000, -1, &a);
	pack(p, 2000000, 333, -1, &b);
	assert_int_equal(a.data.len, b.data.len);
	assert_memory_equal(a.data.data, b.data.data, a.data.len);
	static const char header[10] = "\x1f\x8b\x08\0\0\0\0\0\0\xff";
	assert_memory_equal(a.data.data, header, 10);
	assert_true(a.data.len < 1400000);
}

/* Leaves n bytes of something on the heap. */
static void dirty_heap(unsigned seed)
{
	const size_t n = 4 << 20;
	unsigned char *p = xmalloc(n);
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		p[i] = (unsigned char)(seed >> 24 & (seed & 0x100000 ? 0xff : 0));
	}
	free(p);
}

/* A layer's digest must not depend on what the heap held before. */
static void the_stream_does_not_depend_on_old_memory(void **state)
{
	(void)state;
	char tar[2048] = "w3";
	memcpy(tar + 100, "0000644\0000000000\0000000000\00000000000005\00014524777320\0", 48);
	memcpy(tar + 257, "ustar\00000", 8);
	memcpy(tar + 512, "1 w3\n", 5);
	mallopt(M_MMAP_THRESHOLD, 16 << 20); /* from the heap, not fresh from the kernel */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	for (int level = 0; level <= 3; level++) {
		AUTO_MEM_WRITER struct mem_writer first = MEM_WRITER;
		pack(tar, sizeof(tar), 512, level, &first);
		for (unsigned seed = 1; seed < 60; seed++) {
			AUTO_MEM_WRITER struct mem_writer z = MEM_WRITER;
			dirty_heap(seed);
			pack(tar, sizeof(tar), 512, level, &z);
			assert_int_equal(z.data.len, first.data.len);
			assert_memory_equal(z.data.data, first.data.data, first.data.len);
		}
	}
}

static void several_members_and_padding_are_one_stream(void **state)
{
	(void)state;
	AUTO_MEM_WRITER struct mem_writer z = MEM_WRITER;
	pack("hello ", 6, 6, -1, &z);
	pack("", 0, 1, -1, &z);
	pack("world", 5, 5, -1, &z);
	buf_add(&z.data, "\0\0\0\0", 4);
	AUTO_BUF struct buf back = BUF_INIT(MIB);
	struct err err = ERR_INIT;
	assert_int_equal(unpack(z.data.data, z.data.len, 100, &back, &err), 0);
	assert_string_equal(buf_str(&back), "hello world");
}

static void every_truncation_is_noticed(void **state)
{
	(void)state;
	AUTO_FREE char *p = sample(5000);
	AUTO_MEM_WRITER struct mem_writer z = MEM_WRITER;
	pack(p, 5000, 5000, -1, &z);
	for (size_t n = 0; n < z.data.len; n++) {
		AUTO_BUF struct buf back = BUF_INIT(MIB);
		struct err err = ERR_INIT;
		assert_int_equal(unpack(z.data.data, n, 4096, &back, &err), ERR_CORRUPT);
	}
}

static void garbage_and_changed_bytes_are_refused(void **state)
{
	(void)state;
	AUTO_FREE char *p = sample(5000);
	AUTO_MEM_WRITER struct mem_writer z = MEM_WRITER;
	pack(p, 5000, 5000, -1, &z);
	AUTO_BUF struct buf back = BUF_INIT(MIB);
	struct err err = ERR_INIT;
	assert_int_equal(unpack("plain text", 10, 100, &back, &err), ERR_CORRUPT);
	buf_add(&z.data, "x", 1);
	assert_int_equal(unpack(z.data.data, z.data.len, 4096, &back, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "garbage"));
	buf_remove(&z.data, z.data.len - 1, 1);
	z.data.data[z.data.len - 6] ^= 1; /* in the checksum */
	assert_int_equal(unpack(z.data.data, z.data.len, 4096, &back, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "checksum"));
	z.data.data[z.data.len - 6] ^= 1;
	z.data.data[z.data.len - 1] ^= 1; /* in the length */
	assert_int_equal(unpack(z.data.data, z.data.len, 4096, &back, &err), ERR_CORRUPT);
}

static void a_failed_stream_stays_failed(void **state)
{
	(void)state;
	struct err err = ERR_INIT, again = ERR_INIT;
	char c[10];
	AUTO_READER struct reader *mem = reader_from_mem("\x1f\x8b\x08garbage", 10);
	AUTO_READER struct reader *r = reader_gunzip(mem);
	assert_int_equal(reader_read(r, c, sizeof(c), &err), ERR_CORRUPT);
	assert_int_equal(reader_read(r, c, sizeof(c), &again), ERR_CORRUPT);
	assert_string_equal(err.msg, again.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(the_stream_does_not_depend_on_how_the_bytes_arrive),
		cmocka_unit_test(the_stream_does_not_depend_on_old_memory),
		cmocka_unit_test(several_members_and_padding_are_one_stream),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(garbage_and_changed_bytes_are_refused),
		cmocka_unit_test(a_failed_stream_stays_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
