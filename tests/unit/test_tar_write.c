/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "layers/tar_read.h"
#include "tests/unit/tars.h"

#include <locale.h>

struct trip {
	struct tar tar;
	struct reader *mem;
	struct tar_reader *r;
	struct tar_entry got; /* borrows from r */
};

static void trip_done(struct trip *t)
{
	tar_reader_free(t->r);
	reader_free(t->mem);
	tar_done(&t->tar);
}
#define AUTO_TRIP __attribute__((cleanup(trip_done)))

/* Writes one entry, reads it again. */
static void round_trip(struct trip *t, const struct tar_entry *e)
{
	struct err err = ERR_INIT;
	*t = (struct trip){0};
	tar_init(&t->tar);
	tar_entry(&t->tar, e, "0123456789");
	tar_end(&t->tar);
	t->mem = reader_from_mem(t->tar.mem.data.data, t->tar.mem.data.len);
	assert_int_equal(tar_reader_open(t->mem, 0, &t->r, &err), 0);
	if (tar_reader_next(t->r, &t->got, &err) != 1)
		fail_msg("%s", err.msg);
}

static void assert_name_survives(const char *name)
{
	AUTO_TRIP struct trip a = {0};
	AUTO_TRIP struct trip b = {0};
	AUTO_TRIP struct trip c = {0};
	round_trip(&a, &(struct tar_entry){.path = name, .mode = S_IFREG | 0644});
	assert_string_equal(a.got.path, name);
	round_trip(&b, &(struct tar_entry){.path = "l", .mode = S_IFLNK | 0777, .link = name});
	assert_string_equal(b.got.link, name);
	struct tar_entry hard = {
		.path = "h", .mode = S_IFREG | 0644, .link = name, .hardlink = true};
	round_trip(&c, &hard);
	assert_true(c.got.hardlink);
	assert_string_equal(c.got.link, name);
}

static void names_are_bytes(void **state)
{
	(void)state;
	static const char *const names[] = {"a", "a b\nc", "gr\xc3\xbc\xc3\x9f", "cafe\xcc\x81",
		"caf\xc3\xa9", "\xff\xfe", "a\xc0\x80", "latin1-\xe9", "\xed\xa0\x80",
		"\xf0\x9f\x90\xb3/x", "back\\slash", "=", "%s"};
	static const char *const locales[] = {"C", "C.UTF-8"};
	for (size_t l = 0; l < ARRAY_LEN(locales); l++) {
		setlocale(LC_ALL, locales[l]);
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			assert_name_survives(names[i]);
	}
	setlocale(LC_ALL, "C");
}

static void names_of_every_length_survive(void **state)
{
	(void)state;
	for (size_t n = 90; n < 300; n++) {
		AUTO_FREE char *flat = xmalloc(n + 1), *deep = xmalloc(n + 1);
		for (size_t i = 0; i < n; i++) {
			flat[i] = (char)('a' + i % 26);
			deep[i] = i % 40 == 39 && i + 1 < n ? '/' : (char)('a' + i % 26);
		}
		flat[n] = deep[n] = '\0';
		assert_name_survives(flat);
		assert_name_survives(deep);
	}
}

static void plain_entries_need_no_pax_header(void **state)
{
	(void)state;
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_file(&a, "f", "x");
	char deep[250];
	memset(deep, 'd', sizeof(deep));
	deep[150] = '/';
	deep[249] = '\0';
	tar_file(&a, deep, "");
	tar_dir(&a, "d", 0755);
	tar_end(&a);
	/* header, content, header, header, two blocks of zeros */
	assert_int_equal(a.mem.data.len, 6 * 512);
	assert_memory_equal(a.mem.data.data + 257,
		"ustar\0"
		"00",
		8);
	assert_int_equal(a.mem.data.data[156], '0');
	assert_string_equal(a.mem.data.data + 1536, "d/");
}

static void large_numbers_and_fractions_survive(void **state)
{
	(void)state;
	static const struct tar_entry cases[] = {
		{.path = "f",
			.mode = S_IFREG | 07777,
			.uid = 2097151,
			.gid = 2097152,
			.mtime = 1,
			.mtime_ns = 1},
		{.path = "f", .mode = S_IFREG | 0, .uid = 4294967294, .gid = 0, .mtime = -100},
		{.path = "f", .mode = S_IFREG | 0644, .mtime = 8589934591, .mtime_ns = 999999999},
		{.path = "f", .mode = S_IFREG | 0644, .mtime = 8589934592},
		{.path = "f", .mode = S_IFCHR | 0644, .major = 4095, .minor = 1048575},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct tar_entry *e = &cases[i];
		AUTO_TRIP struct trip t;
		round_trip(&t, e);
		assert_int_equal(t.got.mode, e->mode);
		assert_int_equal(t.got.uid, e->uid);
		assert_int_equal(t.got.gid, e->gid);
		assert_int_equal(t.got.mtime, e->mtime);
		assert_int_equal(t.got.mtime_ns, e->mtime_ns);
		assert_int_equal(t.got.major, e->major);
		assert_int_equal(t.got.minor, e->minor);
	}
}

static void sizes_above_8_gib_are_written(void **state)
{
	(void)state;
	AUTO_TAR struct tar a;
	tar_init(&a);
	struct tar_entry got, e = {.path = "f", .mode = S_IFREG | 0644, .size = 8589934592};
	struct err err = ERR_INIT;
	assert_int_equal(tar_writer_header(a.w, &e, &err), 0);
	void *p;
	size_t n;
	assert_int_equal(tar_writer_space(a.w, &p, &n, &err), 0);
	assert_true(n >= 64 * KIB);
	/* what was written so far is passed on only when the buffer is full */
	assert_int_equal(tar_writer_zeros(a.w, MIB, &err), 0);
	AUTO_READER struct reader *mem = reader_from_mem(a.mem.data.data, a.mem.data.len);
	AUTO_TAR_READER struct tar_reader *r = NULL;
	assert_int_equal(tar_reader_open(mem, 0, &r, &err), 0);
	assert_int_equal(tar_reader_next(r, &got, &err), 1);
	assert_int_equal(got.size, e.size);
}

static void attributes_survive_with_any_bytes(void **state)
{
	(void)state;
	char big[65536];
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 31);
	struct xattr x[] = {{(char[]){"user.big"}, big, sizeof(big)},
		{(char[]){"user.empty"}, (char[]){""}, 0},
		{(char[]){"user.sp ace%41"}, (char[]){"\n\0=\xff"}, 4}};
	struct tar_entry e = {.path = "f", .mode = S_IFREG | 0644, .xattrs = x, .n_xattrs = 3};
	AUTO_TRIP struct trip t;
	round_trip(&t, &e);
	assert_int_equal(t.got.n_xattrs, 3);
	for (size_t i = 0; i < 3; i++) {
		size_t k = 0;
		while (k < 3 && !streq(t.got.xattrs[k].name, x[i].name))
			k++;
		assert_true(k < 3);
		assert_int_equal(t.got.xattrs[k].len, x[i].len);
		assert_memory_equal(t.got.xattrs[k].value, x[i].value, x[i].len);
	}
}

static void what_tar_cannot_hold_is_refused(void **state)
{
	(void)state;
	AUTO_TAR struct tar a;
	tar_init(&a);
	struct err err = ERR_INIT;
	struct xattr x = {(char[]){"user.a=b"}, (char[]){"1"}, 1};
	struct tar_entry e = {.path = "f", .mode = S_IFREG | 0644, .xattrs = &x, .n_xattrs = 1};
	assert_int_equal(tar_writer_header(a.w, &e, &err), ERR_UNSUPPORTED);
	e = (struct tar_entry){.path = "s", .mode = S_IFSOCK | 0644};
	assert_int_equal(tar_writer_header(a.w, &e, &err), ERR_UNSUPPORTED);
}

static void gnu_tar_reads_what_is_written(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	char longname[200];
	memset(longname, 'n', sizeof(longname));
	longname[199] = '\0';
	tar_dir(&a, "d", 0755);
	tar_file(&a, "d/gr\xc3\xbc\xc3\x9f", "text");
	tar_file(&a, longname, "long");
	tar_hardlink(&a, "h", longname);
	tar_end(&a);
	tree_write(t.fd, "a.tar", a.mem.data.data, a.mem.data.len, 0644);
	AUTO_FREE char *cmd = xasprintf("cd %s && tar xf a.tar && test \"$(cat "
					"d/gr\xc3\xbc\xc3\x9f)\" = text && test %s -ef h",
		t.path, longname);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_bytes),
		cmocka_unit_test(names_of_every_length_survive),
		cmocka_unit_test(plain_entries_need_no_pax_header),
		cmocka_unit_test(large_numbers_and_fractions_survive),
		cmocka_unit_test(sizes_above_8_gib_are_written),
		cmocka_unit_test(attributes_survive_with_any_bytes),
		cmocka_unit_test(what_tar_cannot_hold_is_refused),
		cmocka_unit_test(gnu_tar_reads_what_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
