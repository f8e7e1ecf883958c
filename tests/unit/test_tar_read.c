/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of other programs, as tar_read.h hands them out. */
#include "tests/unit/unit.h"

#include "layers/tar_read.h"
#include "tests/unit/tree.h"

static void run(const struct tree *t, const char *script)
{
	AUTO_FREE char *cmd = xasprintf("cd %s && { %s; }", t->path, script);
	assert_int_equal(system(cmd), 0);
}

struct opened {
	int fd;
	struct reader *in;
	struct tar_reader *tar;
};

static struct opened archive(const struct tree *t)
{
	struct opened o = {.fd = openat(t->fd, "a.tar", O_RDONLY)};
	struct err err = ERR_INIT;
	assert_true(o.fd >= 0);
	o.in = reader_from_fd(o.fd, "a.tar");
	assert_int_equal(tar_reader_open(o.in, 0, &o.tar, &err), 0);
	return o;
}
static void opened_done(struct opened *o)
{
	tar_reader_free(o->tar);
	reader_free(o->in);
	close(o->fd);
}
#define AUTO_OPENED __attribute__((cleanup(opened_done)))

static void next_is(struct opened *o, const char *path, struct tar_entry *e)
{
	struct err err = ERR_INIT;
	if (tar_reader_next(o->tar, e, &err) != 1)
		fail_msg("no '%s': %s", path, err.msg);
	assert_string_equal(e->path, path);
}

static void every_dialect_of_gnu_tar_is_read(void **state)
{
	(void)state;
	static const char *const formats[] = {"v7", "ustar", "oldgnu", "gnu", "posix"};
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		AUTO_TREE struct tree t = tree_new();
		AUTO_FREE char *script =
			xasprintf("echo hello >f && ln f h && ln -s f l && chmod 4755 f && tar "
				  "--format=%s --owner=7 --group=8 -cf a.tar f h l",
				formats[i]);
		run(&t, script);
		AUTO_OPENED struct opened o = archive(&t);
		struct tar_entry e;
		next_is(&o, "f", &e);
		assert_int_equal(e.size, 6);
		assert_int_equal(e.mode, S_IFREG | 04755);
		assert_int_equal(e.uid, 7);
		const void *p;
		size_t n;
		uint64_t at;
		struct err err = ERR_INIT;
		assert_int_equal(tar_reader_data(o.tar, &p, &n, &at, &err), 1);
		assert_int_equal(n, 6);
		assert_memory_equal(p, "hello\n", 6);
		next_is(&o, "h", &e);
		assert_true(e.hardlink);
		assert_string_equal(e.link, "f");
		next_is(&o, "l", &e);
		assert_true(S_ISLNK(e.mode));
		assert_int_equal(tar_reader_next(o.tar, &e, &err), 0);
		assert_int_equal(tar_reader_drain(o.tar, &err), 0);
	}
}

static void long_names_of_gnu_tar_are_read(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	char name[201];
	memset(name, 'x', 200);
	name[200] = '\0';
	AUTO_FREE char *script = xasprintf(">%s && tar --format=gnu -cf a.tar %s", name, name);
	run(&t, script);
	AUTO_OPENED struct opened o = archive(&t);
	struct tar_entry e;
	next_is(&o, name, &e);
}

static void sparse_files_of_gnu_tar_are_read(void **state)
{
	(void)state;
	static const char *const formats[] = {"gnu", "posix --sparse-version=0.0",
		"posix --sparse-version=0.1", "posix --sparse-version=1.0"};
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		AUTO_TREE struct tree t = tree_new();
		AUTO_FREE char *script =
			xasprintf("truncate -s 1M f && printf data | dd of=f bs=1 seek=500000 "
				  "conv=notrunc status=none && tar --format=%s -S -cf a.tar f",
				formats[i]);
		run(&t, script);
		AUTO_OPENED struct opened o = archive(&t);
		struct tar_entry e;
		next_is(&o, "f", &e);
		assert_int_equal(e.size, MIB);
		bool found = false;
		const void *p;
		size_t n;
		uint64_t at;
		struct err err = ERR_INIT;
		int ret;
		while ((ret = tar_reader_data(o.tar, &p, &n, &at, &err)) == 1)
			if (at <= 500000 && at + n >= 500004)
				found = memcmp((const char *)p + (500000 - at), "data", 4) == 0;
		assert_int_equal(ret, 0);
		assert_true(found);
	}
}

static void a_global_pax_header_is_no_entry(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	run(&t, "echo x >f && tar --format=posix --pax-option=globexthdr.name=g,comment=hello -cf "
		"a.tar f");
	AUTO_OPENED struct opened o = archive(&t);
	struct tar_entry e;
	next_is(&o, "f", &e);
}

static void resource_forks_of_mac_are_files_like_others(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	run(&t, "echo x >._f && echo y >f && tar -cf a.tar ._f f");
	AUTO_OPENED struct opened o = archive(&t);
	struct tar_entry e;
	next_is(&o, "._f", &e);
	next_is(&o, "f", &e);
}

static void what_the_reader_below_fails_with_comes_through(void **state)
{
	(void)state;
	char zeros[512] = {'f'};
	AUTO_READER struct reader *mem = reader_from_mem(zeros, sizeof(zeros));
	AUTO_READER struct reader *limited = reader_limit(mem, 100, "this archive");
	AUTO_TAR_READER struct tar_reader *r = NULL;
	struct err err = ERR_INIT;
	struct tar_entry e;
	int code = tar_reader_open(limited, 0, &r, &err);
	if (code == 0)
		code = tar_reader_next(r, &e, &err);
	assert_int_equal(code, ERR_LIMIT);
	assert_non_null(strstr(err.msg, "this archive"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_dialect_of_gnu_tar_is_read),
		cmocka_unit_test(long_names_of_gnu_tar_are_read),
		cmocka_unit_test(sparse_files_of_gnu_tar_are_read),
		cmocka_unit_test(a_global_pax_header_is_no_entry),
		cmocka_unit_test(resource_forks_of_mac_are_files_like_others),
		cmocka_unit_test(what_the_reader_below_fails_with_comes_through),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
