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

/* At most `step` bytes at a time. */
struct trickle {
	struct reader r;
	const unsigned char *p;
	size_t n, step;
};

static ssize_t trickle_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct trickle *t = (struct trickle *)r;
	(void)err;
	n = n < t->step ? n : t->step;
	n = n < t->n ? n : t->n;
	memcpy(p, t->p, n);
	t->p += n;
	t->n -= n;
	return (ssize_t)n;
}

/* By gzip(1), of a tar whose name is in the header. */
static void a_header_that_comes_in_pieces_is_read(void **state)
{
	(void)state;
	static const unsigned char packed[] = {
		0x1f,
		0x8b,
		0x08,
		0x08,
		0xa8,
		0x51,
		0x02,
		0x6b,
		0x00,
		0x03,
		0x63,
		0x74,
		0x78,
		0x2e,
		0x74,
		0x61,
		0x72,
		0x00,
		0xed,
		0xd8,
		0xbd,
		0x6e,
		0xc3,
		0x20,
		0x10,
		0x07,
		0x70,
		0xe6,
		0x3c,
		0x05,
		0x4f,
		0x00,
		0x87,
		0xf9,
		0x7a,
		0x80,
		0x48,
		0xdd,
		0xa2,
		0x54,
		0xdd,
		0x3a,
		0x26,
		0xb5,
		0xdb,
		0xa2,
		0x56,
		0x46,
		0x22,
		0x8e,
		0x9a,
		0xbe,
		0x7d,
		0x69,
		0x32,
		0x54,
		0xf5,
		0x90,
		0xc8,
		0x03,
		0x58,
		0xad,
		0xff,
		0xbf,
		0x05,
		0x0b,
		0x5b,
		0xe2,
		0xa4,
		0xf3,
		0xc1,
		0x09,
		0x21,
		0x59,
		0x71,
		0x94,
		0x79,
		0x6b,
		0xcf,
		0x63,
		0x36,
		0x1e,
		0xcf,
		0xcf,
		0x4a,
		0x93,
		0x69,
		0x4c,
		0x63,
		0xb5,
		0x51,
		0x79,
		0xde,
		0x7b,
		0xf2,
		0x8c,
		0xdb,
		0xf2,
		0xa1,
		0x31,
		0x76,
		0x3c,
		0x0c,
		0xbb,
		0xc4,
		0x39,
		0x4b,
		0x31,
		0x0e,
		0xd7,
		0xbe,
		0xbb,
		0xf5,
		0xfe,
		0x8f,
		0x12,
		0x52,
		0xb4,
		0xf1,
		0xe9,
		0xad,
		0x4b,
		0xe1,
		0xa5,
		0x8f,
		0xa9,
		0x2b,
		0xb2,
		0xc6,
		0x77,
		0x82,
		0x9d,
		0x31,
		0x57,
		0xf2,
		0xef,
		0x99,
		0xb2,
		0x9a,
		0xc8,
		0x58,
		0x72,
		0x36,
		0xcf,
		0xab,
		0x46,
		0x3b,
		0x62,
		0x9c,
		0x8a,
		0x44,
		0x33,
		0xb2,
		0xf0,
		0xfc,
		0xbf,
		0x86,
		0xb6,
		0xed,
		0xfa,
		0xd5,
		0xdc,
		0x61,
		0xc0,
		0x4c,
		0x84,
		0xbc,
		0xfc,
		0x01,
		0x25,
		0xd7,
		0x98,
		0x5e,
		0xff,
		0x8a,
		0x5c,
		0x83,
		0xfa,
		0xaf,
		0x01,
		0xf5,
		0xbf,
		0x6c,
		0x42,
		0xc6,
		0xbe,
		0xcc,
		0xa9,
		0xff,
		0xe3,
		0x76,
		0xfd,
		0x9b,
		0xdf,
		0xfd,
		0x9f,
		0x22,
		0x43,
		0x16,
		0xf5,
		0x5f,
		0x43,
		0xce,
		0x3e,
		0x8a,
		0x7f,
		0xc1,
		0x84,
		0x5c,
		0xc7,
		0x7e,
		0xd8,
		0x85,
		0xbe,
		0x4b,
		0xcf,
		0xe1,
		0x7d,
		0xa6,
		0xfe,
		0x5f,
		0xd3,
		0xb8,
		0xff,
		0x47,
		0xfd,
		0x57,
		0x72,
		0xf7,
		0xb0,
		0xdd,
		0xf0,
		0xfd,
		0xf1,
		0xf0,
		0xb9,
		0x8f,
		0xa7,
		0xd5,
		0x7a,
		0x7b,
		0xff,
		0xc8,
		0x05,
		0x97,
		0x27,
		0x89,
		0x3d,
		0x61,
		0x21,
		0x84,
		0x6c,
		0x43,
		0x2a,
		0x7c,
		0x07,
		0x34,
		0xf9,
		0xfe,
		0x27,
		0x9f,
		0xff,
		0xce,
		0xe2,
		0xfe,
		0xa7,
		0x86,
		0x4b,
		0xfe,
		0x87,
		0x8f,
		0x58,
		0x70,
		0x8d,
		0xe9,
		0xfd,
		0x9f,
		0x6a,
		0x94,
		0xc6,
		0xfe,
		0x5f,
		0x43,
		0xce,
		0x3c,
		0xf6,
		0x7a,
		0x00,
		0x00,
		0x00,
		0x00,
		0x00,
		0x00,
		0x00,
		0x80,
		0x7f,
		0xec,
		0x0b,
		0xf7,
		0xd7,
		0x49,
		0x35,
		0x00,
		0x28,
		0x00,
		0x00,
	};
	for (size_t step = 1; step < 24; step++) {
		struct trickle t = {.r = {.read = trickle_read},
			.p = packed,
			.n = sizeof(packed),
			.step = step};
		AUTO_READER struct reader *r = reader_gunzip(&t.r);
		char back[16384];
		size_t len = 0;
		struct err err = ERR_INIT;
		for (ssize_t got;
			(got = reader_read(r, back + len, sizeof(back) - len, &err)) != 0;) {
			assert_true(got > 0);
			len += (size_t)got;
		}
		assert_int_equal(len, 10240);
	}
}

/* Whichever process deflates it, whatever it did before. */
static void a_piece_does_not_depend_on_the_piece_before(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_FREE char *data = sample(2 * GZIP_PIECE);
	AUTO_FREE struct gzip_piece *p = xcalloc(3, sizeof(*p));
	for (int level = 0; level <= 3; level++) {
		struct gzip_deflater *used = gzip_deflater_new(level);
		struct gzip_deflater *fresh = gzip_deflater_new(level);
		memcpy(p[0].in, data, GZIP_PIECE);
		p[0].n_in = GZIP_PIECE;
		assert_int_equal(gzip_deflate_piece(used, &p[0], &err), 0);
		for (size_t i = 1; i < 3; i++) {
			gzip_piece_follow(&p[i], &p[0]);
			memcpy(p[i].in, data + GZIP_PIECE, GZIP_PIECE);
			p[i].n_in = GZIP_PIECE;
			assert_int_equal(gzip_deflate_piece(i == 1 ? used : fresh, &p[i], &err), 0);
		}
		assert_int_equal(p[1].n_out, p[2].n_out);
		assert_memory_equal(p[1].out, p[2].out, p[1].n_out);
		gzip_deflater_free(used);
		gzip_deflater_free(fresh);
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
		cmocka_unit_test(a_header_that_comes_in_pieces_is_read),
		cmocka_unit_test(a_piece_does_not_depend_on_the_piece_before),
		cmocka_unit_test(several_members_and_padding_are_one_stream),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(garbage_and_changed_bytes_are_refused),
		cmocka_unit_test(a_failed_stream_stays_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
