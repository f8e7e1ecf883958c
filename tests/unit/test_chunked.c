/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <endian.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/map.h"
#include "base/zstd_stream.h"
#include "layers/chunked.h"
#include "layers/tar_write.h"
#include "tests/unit/tree.h"

#define TAR_MAX (8 * MIB)
#define BLOCK 512

static void unpack(const void *p, size_t n, struct buf *ret)
{
	struct err err = ERR_INIT;
	AUTO_READER struct reader *mem = reader_from_mem(p, n);
	AUTO_READER struct reader *r = reader_unzstd(mem);
	char part[4096];
	ssize_t got;

	buf_init(ret, TAR_MAX);
	buf_addstr(ret, "");
	while ((got = reader_read(r, part, sizeof(part), &err)) > 0)
		buf_add(ret, part, (size_t)got);
	if (got < 0)
		fail_msg("%s", err.msg);
}

/* In pieces of `step`; what unpacks it as zstd gets the tar. */
static void pack(
	const struct buf *tar, size_t step, struct mem_writer *out, struct chunked_table *ret)
{
	struct err err = ERR_INIT;
	AUTO_WRITER struct writer *w = writer_chunked(&out->w, 0, ret);
	AUTO_BUF struct buf back = BUF_INIT(0);

	for (size_t i = 0; i < tar->len; i += step)
		assert_int_equal(writer_write(w, tar->data + i,
					 tar->len - i < step ? tar->len - i : step, &err),
			0);
	assert_int_equal(writer_finish(w, &err), 0);
	unpack(out->data.data, out->data.len, &back);
	assert_int_equal(back.len, tar->len);
	assert_memory_equal(back.data, tar->data, tar->len);
}

static void add(struct tar_writer *t, const struct tar_entry *e, const void *content)
{
	struct err err = ERR_INIT;

	assert_int_equal(tar_writer_header(t, e, &err), 0);
	assert_int_equal(tar_writer_data(t, content, e->size, &err), 0);
}

/* Numbers, as a program has them that others can write, too. */
static void add_noise(struct buf *b, uint32_t *seed, size_t n)
{
	for (; n; n--) {
		*seed = (*seed * 1103515245U + 12345U) & 0x7fffffffU;
		buf_addch(b, (char)(*seed >> 16 & 0xff));
	}
}

static void add_zeros(struct buf *b, size_t n)
{
	for (; n; n--)
		buf_addch(b, '\0');
}

/* Whose chunks Debian's buildah 1.43 has found. */
static void content_with_holes(struct buf *ret)
{
	uint32_t seed = 1;

	buf_init(ret, MIB);
	add_noise(ret, &seed, 200000);
	add_zeros(ret, 1023);
	add_noise(ret, &seed, 5);
	add_zeros(ret, 70000);
	add_noise(ret, &seed, 100000);
	add_zeros(ret, 3000);
}

static void make_tar(struct buf *ret, bool large)
{
	static char long_name[200];
	char xattr_name[] = "user.a", xattr_value[] = "b\x01\0c";
	const struct xattr x = {.name = xattr_name, .value = xattr_value, .len = 4};
	struct err err = ERR_INIT;
	AUTO_MEM_WRITER struct mem_writer out = MEM_WRITER;
	AUTO_TAR_WRITER struct tar_writer *t = tar_writer_new(&out.w);
	AUTO_BUF struct buf holes = BUF_INIT(0);

	memset(long_name, 'l', sizeof(long_name) - 1);
	content_with_holes(&holes);
	if (!large)
		holes.len = 1500;
	add(t, &(struct tar_entry){.path = "d", .mode = S_IFDIR | 0755, .mtime = 1}, "");
	add(t,
		&(struct tar_entry){.path = "d/hello",
			.mode = S_IFREG | 04755,
			.size = 5,
			.uid = 3000000,
			.mtime = 1000000000,
			.mtime_ns = 789000000,
			.xattrs = &x,
			.n_xattrs = 1},
		"hello");
	add(t,
		&(struct tar_entry){
			.path = "d/hard", .link = "d/hello", .hardlink = true, .mode = 0644},
		"");
	add(t, &(struct tar_entry){.path = "d/empty", .mode = S_IFREG | 0644}, "");
	add(t, &(struct tar_entry){.path = "d/holes", .mode = S_IFREG | 0644, .size = holes.len},
		holes.data);
	add(t,
		&(struct tar_entry){
			.path = "d/null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3},
		"");
	add(t, &(struct tar_entry){.path = long_name, .link = "\xc3\xa9", .mode = S_IFLNK | 0777},
		"");
	assert_int_equal(tar_writer_end(t, &err), 0);
	buf_init(ret, TAR_MAX);
	buf_add(ret, out.data.data, out.data.len);
}

static struct json *table_of(const struct mem_writer *blob, const struct chunked_table *t)
{
	AUTO_BUF struct buf text = BUF_INIT(0);
	struct json *j = NULL;
	struct err err = ERR_INIT;
	const struct digest d = digest_of(blob->data.data + t->toc.offset, t->toc.size);

	assert_true(t->made);
	assert_true(digest_equal(&d, &t->digest));
	unpack(blob->data.data + t->toc.offset, t->toc.size, &text);
	assert_int_equal(text.len, t->toc.plain_size);
	assert_int_equal(json_parse(text.data, text.len, "table", &j, &err), 0);
	return j;
}

/* The first of the name. */
static struct json *entry(const struct json *toc, const char *name)
{
	const struct json *all = json_get(toc, "entries");

	for (size_t i = 0; i < json_size(all); i++)
		if (streq(json_text(json_get(json_at(all, i), "name")), name))
			return json_at(all, i);
	return NULL;
}

static void is_text(const struct json *o, const char *name, const char *expected)
{
	const char *text = json_text(json_get(o, name));

	assert_string_equal(text ? text : "(nothing)", expected);
}

static void a_table_says_what_the_headers_say(void **state)
{
	AUTO_BUF struct buf tar = BUF_INIT(0);
	AUTO_MEM_WRITER struct mem_writer blob = MEM_WRITER;
	AUTO_BUF struct buf hello = BUF_INIT(0);
	struct chunked_table t;

	(void)state;
	make_tar(&tar, true);
	pack(&tar, tar.len, &blob, &t);
	AUTO_JSON struct json *toc = table_of(&blob, &t);
	struct json *e = entry(toc, "d/hello");
	is_text(entry(toc, "d/"), "type", "dir");
	is_text(entry(toc, "d/"), "modtime", "1970-01-01T00:00:01Z");
	is_text(e, "type", "reg");
	is_text(e, "modtime", "2001-09-09T01:46:40.789Z");
	is_text(json_get(e, "xattrs"), "user.a", "YgEAYw==");
	is_text(e, "digest",
		"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	assert_int_equal(json_int(json_get(e, "mode")), 04755);
	assert_int_equal(json_int(json_get(e, "uid")), 3000000);
	size_t from = (size_t)json_int(json_get(e, "offset"));
	unpack(blob.data.data + from, (size_t)json_int(json_get(e, "endOffset")) - from, &hello);
	assert_string_equal(buf_str(&hello), "hello");
	is_text(entry(toc, "d/hard"), "type", "hardlink");
	is_text(entry(toc, "d/hard"), "linkName", "d/hello");
	assert_null(json_get(entry(toc, "d/empty"), "digest"));
	assert_int_equal(json_int(json_get(entry(toc, "d/null"), "devMinor")), 3);
	e = json_at(json_get(toc, "entries"), json_size(json_get(toc, "entries")) - 1);
	is_text(e, "linkName", "\xc3\xa9");
	assert_int_equal(strlen(json_text(json_get(e, "name"))), 199);
}

static void files_are_cut_where_others_cut_them(void **state)
{
	static const int64_t sizes[] = {
		49253, 65256, 41131, 11963, 33425, 70000, 45383, 18138, 36479, 3000};
	AUTO_BUF struct buf tar = BUF_INIT(0);
	AUTO_MEM_WRITER struct mem_writer blob = MEM_WRITER;
	struct chunked_table t;
	size_t found = 0;

	(void)state;
	make_tar(&tar, true);
	pack(&tar, tar.len, &blob, &t);
	AUTO_JSON struct json *toc = table_of(&blob, &t);
	const struct json *all = json_get(toc, "entries");
	for (size_t i = 0; i < json_size(all); i++) {
		const struct json *e = json_at(all, i);
		if (!streq(json_text(json_get(e, "name")), "d/holes"))
			continue;
		assert_true(found < ARRAY_LEN(sizes));
		is_text(e, "type", found ? "chunk" : "reg");
		is_text(e, "chunkType", found == 5 || found == 9 ? "zeros" : "(nothing)");
		assert_int_equal(json_int(json_get(e, "chunkSize")), sizes[found]);
		found++;
	}
	assert_int_equal(found, ARRAY_LEN(sizes));
}

static void steps_make_no_difference(void **state)
{
	static const size_t steps[] = {7, 511, 65536};
	AUTO_BUF struct buf tar = BUF_INIT(0);
	AUTO_MEM_WRITER struct mem_writer whole = MEM_WRITER;
	struct chunked_table t;

	(void)state;
	make_tar(&tar, true);
	pack(&tar, tar.len, &whole, &t);
	AUTO_JSON struct json *toc = table_of(&whole, &t);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		AUTO_MEM_WRITER struct mem_writer blob = MEM_WRITER;
		pack(&tar, steps[i], &blob, &t);
		AUTO_JSON struct json *again = table_of(&blob, &t);
		const struct json *a = json_get(toc, "entries"), *b = json_get(again, "entries");
		assert_int_equal(json_size(a), json_size(b));
		for (size_t k = 0; k < json_size(a); k++) {
			const char *d = json_text(json_get(json_at(a, k), "chunkDigest"));
			is_text(json_at(b, k), "chunkDigest", d ? d : "(nothing)");
		}
	}
}

static void the_tar_is_made_again_of_its_contents_and_the_rest(void **state)
{
	AUTO_BUF struct buf tar = BUF_INIT(0), lines = BUF_INIT(0), holes = BUF_INIT(0);
	AUTO_BUF struct buf again = BUF_INIT(TAR_MAX);
	AUTO_MEM_WRITER struct mem_writer blob = MEM_WRITER;
	struct chunked_table t;
	int64_t position = 0;
	char *next = NULL;

	(void)state;
	make_tar(&tar, true);
	content_with_holes(&holes);
	pack(&tar, tar.len, &blob, &t);
	unpack(blob.data.data + t.split.offset, t.split.size, &lines);
	for (char *line = strtok_r(lines.data, "\n", &next); line;
		line = strtok_r(NULL, "\n", &next)) {
		AUTO_JSON struct json *o = NULL;
		struct err err = ERR_INIT;
		unsigned long n = 0;
		assert_int_equal(json_parse(line, strlen(line), "line", &o, &err), 0);
		assert_int_equal(json_int(json_get(o, "position")), position++);
		const char *payload = json_text(json_get(o, "payload"));
		AUTO_FREE char *bytes = payload ? base64_decode(payload, &n) : NULL;
		bool hello = json_int(json_get(o, "size")) == 5;
		if (json_int(json_get(o, "type")) == 2)
			buf_add(&again, bytes, n);
		else if (json_get(o, "size"))
			buf_add(&again, hello ? "hello" : holes.data, hello ? 5 : holes.len);
		if (hello) /* Go's crc64.ISO */
			assert_string_equal(payload, "PD7u4tgQAAA=");
	}
	assert_int_equal(again.len, tar.len);
	assert_memory_equal(again.data, tar.data, tar.len);
}

static void a_blob_ends_with_where_its_parts_are(void **state)
{
	AUTO_BUF struct buf tar = BUF_INIT(0);
	AUTO_MEM_WRITER struct mem_writer blob = MEM_WRITER;
	AUTO_MAP struct map annotations = MAP_INIT;
	struct chunked_table t;
	uint64_t footer[8];

	(void)state;
	make_tar(&tar, true);
	pack(&tar, tar.len, &blob, &t);
	memcpy(footer, blob.data.data + blob.data.len - sizeof(footer), sizeof(footer));
	assert_memory_equal(&footer[7], "GNUlInUx", 8);
	assert_int_equal(le64toh(footer[0]), t.toc.offset);
	assert_int_equal(le64toh(footer[2]), t.toc.plain_size);
	assert_int_equal(le64toh(footer[3]), 1);
	assert_int_equal(le64toh(footer[5]), t.split.size);
	chunked_annotate(&annotations, &t);
	assert_true(chunked_is_annotated(&annotations));
	AUTO_FREE char *where = xasprintf("%llu:%llu:%llu:1", (unsigned long long)t.toc.offset,
		(unsigned long long)t.toc.size, (unsigned long long)t.toc.plain_size);
	assert_string_equal(
		map_get(&annotations, "io.github.containers.zstd-chunked.manifest-position"),
		where);
	chunked_annotate(&annotations, NULL);
	assert_int_equal(annotations.n, 0);
}

static void set_sum(char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
}

/* One change each to the header of "d/", the first block. */
static void what_may_be_read_in_another_way_has_no_table(void **state)
{
	static const struct {
		size_t at, n;
		const char *bytes;
	} changes[] = {
		{0, 2, "\xff/"}, /* no UTF-8 */
		{0, 8, "d/hello"}, /* there is another one, before a file's size */
		{0, 16, ".//x/../d/hello"}, /* the same, written in another way */
		{156, 1, "S"}, /* GNU's sparse */
		{156, 1, "g"}, /* pax for all that follows */
		{156, 1, "7"}, {108, 1, "\x80"}, /* a binary number */
		{257, 8, "\0\0\0\0\0\0\0\0"}, /* before POSIX */
		{257, 8, "ustar 9"}, {508, 4, "tar"}, /* star's */
		{136, 11, "7777777777x"}, {124, 11, "00000000005"}, /* a directory with content */
		{148, 6, "000001"}, /* the checksum */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		AUTO_BUF struct buf tar = BUF_INIT(0);
		AUTO_MEM_WRITER struct mem_writer blob = MEM_WRITER;
		struct chunked_table t = {.made = true};
		make_tar(&tar, false);
		memcpy(tar.data + changes[i].at, changes[i].bytes, changes[i].n);
		if (changes[i].at != 148)
			set_sum(tar.data);
		pack(&tar, tar.len, &blob, &t);
		if (t.made)
			fail_msg("change %zu is not seen", i);
	}
}

/* One block of ustar, and the content. */
static void add_block(struct buf *b, const char *type, const char *name, const char *content)
{
	char block[BLOCK] = {0};
	const size_t n = strlen(content);

	(void)snprintf(block, 100, "%s", name);
	(void)snprintf(block + 124, 12, "%011o", (unsigned)n);
	block[156] = *type;
	(void)snprintf(block + 157, 100, "link");
	memcpy(block + 257, *type == 'K' ? "ustar  " : "ustar\00000", 8);
	set_sum(block);
	buf_add(b, block, BLOCK);
	buf_add(b, content, n);
	add_zeros(b, (BLOCK - n % BLOCK) % BLOCK);
}

static void what_is_empty_before_a_header_has_no_table(void **state)
{
	static const struct {
		const char *type, *content;
		bool made;
	} cases[] = {
		{"x", "10 path=a\n", true},
		{"x", "10 path=a\n8 path=\n", false},
		{"x", "12 linkpath=\n", false}, /* and a wrong length */
		{"x", "13 linkpath=\n", false},
		{"K", "other", true},
		{"K", "", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF struct buf tar = BUF_INIT(TAR_MAX);
		AUTO_MEM_WRITER struct mem_writer blob = MEM_WRITER;
		struct chunked_table t = {.made = !cases[i].made};
		add_block(&tar, cases[i].type, "extension", cases[i].content);
		add_block(&tar, "2", "name", "");
		add_zeros(&tar, 2 * BLOCK);
		pack(&tar, tar.len, &blob, &t);
		if (t.made != cases[i].made)
			fail_msg("case %zu", i);
	}
}

static void an_end_in_the_middle_or_with_more_behind_it_has_no_table(void **state)
{
	AUTO_BUF struct buf tar = BUF_INIT(0);
	struct chunked_table t;

	(void)state;
	make_tar(&tar, false);
	for (size_t n = tar.len; n > 100; n -= n / 3) {
		AUTO_BUF struct buf part = BUF_INIT(TAR_MAX);
		AUTO_MEM_WRITER struct mem_writer blob = MEM_WRITER;
		buf_add(&part, tar.data, n == tar.len ? n : n - 7);
		if (n == tar.len)
			buf_addstr(&part, "more");
		pack(&part, 1000, &blob, &t);
		assert_false(t.made);
	}
	AUTO_BUF struct buf none = BUF_INIT(TAR_MAX);
	AUTO_MEM_WRITER struct mem_writer blob = MEM_WRITER;
	buf_addstr(&none, "");
	pack(&none, 1, &blob, &t);
	AUTO_JSON struct json *toc = table_of(&blob, &t);
	assert_int_equal(json_size(json_get(toc, "entries")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_says_what_the_headers_say),
		cmocka_unit_test(files_are_cut_where_others_cut_them),
		cmocka_unit_test(steps_make_no_difference),
		cmocka_unit_test(the_tar_is_made_again_of_its_contents_and_the_rest),
		cmocka_unit_test(a_blob_ends_with_where_its_parts_are),
		cmocka_unit_test(what_may_be_read_in_another_way_has_no_table),
		cmocka_unit_test(what_is_empty_before_a_header_has_no_table),
		cmocka_unit_test(an_end_in_the_middle_or_with_more_behind_it_has_no_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
