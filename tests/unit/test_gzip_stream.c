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

/* Leaves 4 MiB of something on the heap, half of its bytes zero or so. */
static void dirty_heap(uint64_t seed)
{
	const size_t n = 4 * MIB / sizeof(uint64_t);
	uint64_t *p = xmalloc(n * sizeof(*p));
	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		p[i] = seed & seed << 1 & (seed & 0x100000000000 ? ~0ULL : 0xff00ff00ff00);
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

/* The hash that ISA-L's assembler keeps positions by: CRC-32C of four bytes. */
static uint32_t crc32c(uint32_t data)
{
	for (int i = 0; i < 32; i++)
		data = data >> 1 ^ (data & 1 ? 0x82f63b78 : 0);
	return data;
}

/*
 * ISA-L 2.30 took bits 16 to 47 of its state's address for content. It shows when their hash is
 * that of the first four bytes, and these come again: so such bytes are looked for.
 */
static void the_stream_does_not_depend_on_the_deflaters_address(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct gzip_deflater *d[2];
	AUTO_FREE struct gzip_piece *p = xcalloc(2, sizeof(*p));
	for (int level = 0; level <= 3; level++) {
		d[0] = gzip_deflater_new(level);
		d[1] = gzip_deflater_new(level);
		uint32_t address = (uint32_t)((uintptr_t)d[0] >> 16);
		assert_int_not_equal(address, (uint32_t)((uintptr_t)d[1] >> 16));
		uint32_t first = 0;
		while ((crc32c(first) ^ crc32c(address)) & 0x1fff)
			first += 0x10001;
		for (size_t i = 0; i < 2; i++) {
			memset(p[i].in, 0, 2048);
			memcpy(p[i].in, &first, sizeof(first));
			memcpy(p[i].in + 512, &first, sizeof(first));
			p[i].n_in = 2048;
			p[i].last = true;
			assert_int_equal(gzip_deflate_piece(d[i], &p[i], &err), 0);
		}
		assert_int_equal(p[0].n_out, p[1].n_out);
		assert_memory_equal(p[0].out, p[1].out, p[0].n_out);
		gzip_deflater_free(d[0]);
		gzip_deflater_free(d[1]);
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
	static const unsigned char packed[] =
		"\x1f\x8b\x08\x08\xa8\x51\x02\x6b\x00\x03\x63\x74\x78\x2e\x74\x61\x72\x00"
		"\xed\xd8\xbd\x6e\xc3\x20\x10\x07\x70\xe6\x3c\x05\x4f\x00\x87\xf9\x7a\x80"
		"\x48\xdd\xa2\x54\xdd\x3a\x26\xb5\xdb\xa2\x56\x46\x22\x8e\x9a\xbe\x7d\x69"
		"\x32\x54\xf5\x90\xc8\x03\x58\xad\xff\xbf\x05\x0b\x5b\xe2\xa4\xf3\xc1\x09"
		"\x21\x59\x71\x94\x79\x6b\xcf\x63\x36\x1e\xcf\xcf\x4a\x93\x69\x4c\x63\xb5"
		"\x51\x79\xde\x7b\xf2\x8c\xdb\xf2\xa1\x31\x76\x3c\x0c\xbb\xc4\x39\x4b\x31"
		"\x0e\xd7\xbe\xbb\xf5\xfe\x8f\x12\x52\xb4\xf1\xe9\xad\x4b\xe1\xa5\x8f\xa9"
		"\x2b\xb2\xc6\x77\x82\x9d\x31\x57\xf2\xef\x99\xb2\x9a\xc8\x58\x72\x36\xcf"
		"\xab\x46\x3b\x62\x9c\x8a\x44\x33\xb2\xf0\xfc\xbf\x86\xb6\xed\xfa\xd5\xdc"
		"\x61\xc0\x4c\x84\xbc\xfc\x01\x25\xd7\x98\x5e\xff\x8a\x5c\x83\xfa\xaf\x01"
		"\xf5\xbf\x6c\x42\xc6\xbe\xcc\xa9\xff\xe3\x76\xfd\x9b\xdf\xfd\x9f\x22\x43"
		"\x16\xf5\x5f\x43\xce\x3e\x8a\x7f\xc1\x84\x5c\xc7\x7e\xd8\x85\xbe\x4b\xcf"
		"\xe1\x7d\xa6\xfe\x5f\xd3\xb8\xff\x47\xfd\x57\x72\xf7\xb0\xdd\xf0\xfd\xf1"
		"\xf0\xb9\x8f\xa7\xd5\x7a\x7b\xff\xc8\x05\x97\x27\x89\x3d\x61\x21\x84\x6c"
		"\x43\x2a\x7c\x07\x34\xf9\xfe\x27\x9f\xff\xce\xe2\xfe\xa7\x86\x4b\xfe\x87"
		"\x8f\x58\x70\x8d\xe9\xfd\x9f\x6a\x94\xc6\xfe\x5f\x43\xce\x3c\xf6\x7a\x00"
		"\x00\x00\x00\x00\x00\x00\x80\x7f\xec\x0b\xf7\xd7\x49\x35\x00\x28\x00\x00";
	for (size_t step = 1; step < 24; step++) {
		struct trickle t = {.r = {.read = trickle_read},
			.p = packed,
			.n = sizeof(packed) - 1,
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
		cmocka_unit_test(the_stream_does_not_depend_on_the_deflaters_address),
		cmocka_unit_test(a_header_that_comes_in_pieces_is_read),
		cmocka_unit_test(a_piece_does_not_depend_on_the_piece_before),
		cmocka_unit_test(several_members_and_padding_are_one_stream),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(garbage_and_changed_bytes_are_refused),
		cmocka_unit_test(a_failed_stream_stays_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
