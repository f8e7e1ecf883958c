/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/gzip_stream.h"
#include "layers/diff.h"
#include "layers/tar_read.h"
#include "layers/whiteout.h"
#include "tests/unit/tars.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static const struct diff_opts plain = {.compression = COMPRESSION_NONE, .level = -1};

static struct layer archive(int dirfd, const struct diff_opts *opts, struct mem_writer *out)
{
	struct err err = ERR_INIT;
	struct layer l;
	if (layer_diff(dirfd, opts, &out->w, &l, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(l.blob_size, out->data.len);
	struct digest d = digest_of(buf_str(&out->data), out->data.len);
	assert_true(digest_equal(&d, &l.blob));
	return l;
}

/* The names in the archive, one a line. */
static char *listing(const struct mem_writer *m)
{
	struct err err = ERR_INIT;
	AUTO_READER struct reader *mem = reader_from_mem(m->data.data, m->data.len);
	AUTO_TAR_READER struct tar_reader *r = NULL;
	assert_int_equal(tar_reader_open(mem, 0, &r, &err), 0);
	struct tar_entry e;
	struct buf b = BUF_INIT(MIB);
	while (tar_reader_next(r, &e, &err) == 1)
		buf_addf(&b, "%s%s%s\n", e.path, e.hardlink ? " = " : "", e.hardlink ? e.link : "");
	return b.data ? buf_take(&b) : xstrdup("");
}

static void entries_come_in_bytewise_order_after_the_whiteouts(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	assert_int_equal(mkdirat(t.fd, "a", 0755), 0);
	assert_int_equal(mkdirat(t.fd, "b", 0755), 0);
	static const char *const files[] = {
		"a.b", "a/x", "a0", "a-b", "a/gone-not", "b/f", "!first"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		tree_text(t.fd, files[i], "");
	assert_int_equal(whiteout_make(t.fd, "zz"), 0);
	assert_int_equal(whiteout_make(t.fd, "a/w"), 0);
	AUTO_FD int b = openat(t.fd, "b", O_RDONLY);
	assert_int_equal(whiteout_set_opaque(b), 0);
	assert_int_equal(linkat(t.fd, "b/f", t.fd, "a/hard", 0), 0);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", t.path);
	assert_int_equal(bind(s, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(s);
	AUTO_MEM_WRITER struct mem_writer m = MEM_WRITER;
	struct layer l = archive(t.fd, &plain, &m);
	AUTO_FREE char *names = listing(&m);
	assert_string_equal(names, ".wh.zz\n!first\na/\na-b\na.b\na/.wh.w\na/gone-not\na/hard\na/"
				   "x\na0\nb/\nb/.wh..wh..opq\nb/f = a/hard\n");
	assert_int_equal(l.entries, 13);
}

static void an_empty_directory_is_an_empty_changeset(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_MEM_WRITER struct mem_writer m = MEM_WRITER;
	struct layer l = archive(t.fd, &plain, &m);
	assert_int_equal(l.entries, 0);
	assert_int_equal(l.diff_size, 1024);
	assert_true(digest_equal(&l.blob, &l.diff_id));
}

static void the_same_tree_gives_the_same_bytes(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TREE struct tree u = tree_new();
	const struct tree *trees[] = {&t, &u};
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 50; k++) {
			char name[20];
			(void)snprintf(name, sizeof(name), "f%d", i ? k : 49 - k);
			tree_text(trees[i]->fd, name, name);
			tree_time(trees[i]->fd, name, 1600000000, 123);
		}
	}
	static const enum compression kinds[] = {
		COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct diff_opts o = {.compression = kinds[i], .level = -1};
		AUTO_MEM_WRITER struct mem_writer a = MEM_WRITER, b = MEM_WRITER;
		struct layer la = archive(t.fd, &o, &a), lb = archive(u.fd, &o, &b);
		assert_true(digest_equal(&la.blob, &lb.blob));
		assert_true(digest_equal(&la.diff_id, &lb.diff_id));
	}
}

static void a_large_tree_gives_the_same_bytes_as_pieces_of_it_would(void **state)
{
	(void)state;
	/* above the size at which two processes share the work: the diff ID is that of the plain
	 * tar */
	AUTO_TREE struct tree t = tree_new();
	AUTO_FREE char *p = xmalloc(6 * MIB);
	for (size_t i = 0; i < 6 * MIB; i++)
		p[i] = (char)(i * i >> 11);
	tree_write(t.fd, "big", p, 6 * MIB, 0644);
	struct diff_opts gz = {.compression = COMPRESSION_GZIP, .level = -1};
	AUTO_MEM_WRITER struct mem_writer a = MEM_WRITER, b = MEM_WRITER;
	struct layer la = archive(t.fd, &plain, &a), lb = archive(t.fd, &gz, &b);
	assert_true(digest_equal(&la.diff_id, &lb.diff_id));
	assert_int_equal(la.diff_size, lb.diff_size);
	assert_int_equal(lb.content, 6 * MIB);
	assert_int_equal(lb.entries, 1);
	assert_true(lb.blob_size < la.blob_size);

	/* and the blob is what one process makes of that tar */
	AUTO_MEM_WRITER struct mem_writer alone = MEM_WRITER;
	AUTO_WRITER struct writer *w = writer_gzip(&alone.w, -1);
	struct err err = ERR_INIT;
	assert_int_equal(writer_write(w, a.data.data, a.data.len, &err), 0);
	assert_int_equal(writer_finish(w, &err), 0);
	assert_int_equal(alone.data.len, b.data.len);
	assert_memory_equal(alone.data.data, b.data.data, b.data.len);
}

static int full_disk(struct writer *w, const void *p, size_t n, struct err *err)
{
	(void)w;
	(void)p;
	errno = ENOSPC;
	return n < 100 ? 0 : err_sys(err, "cannot write the blob");
}

static void an_error_of_the_blob_ends_all_processes(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_FREE char *p = xcalloc(20 * MIB, 1);
	tree_write(t.fd, "big", p, 20 * MIB, 0644);
	struct diff_opts gz = {.compression = COMPRESSION_GZIP, .level = -1};
	struct writer w = {.write = full_disk};
	struct err err = ERR_INIT;
	struct layer l;
	assert_int_equal(layer_diff(t.fd, &gz, &w, &l, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "cannot write the blob"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void an_error_in_the_second_process_arrives(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_FREE char *p = xcalloc(6 * MIB, 1);
	tree_write(t.fd, "big", p, 6 * MIB, 0644);
	tree_text(t.fd, ".wh.name", "");
	struct diff_opts gz = {.compression = COMPRESSION_GZIP, .level = -1};
	AUTO_MEM_WRITER struct mem_writer m = MEM_WRITER;
	struct err err = ERR_INIT;
	struct layer l;
	assert_int_equal(layer_diff(t.fd, &gz, &m.w, &l, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, ".wh.name"));
}

static void times_are_clamped_on_demand(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	tree_text(t.fd, "old", "");
	tree_time(t.fd, "old", 1000, 5);
	tree_text(t.fd, "same", "");
	tree_time(t.fd, "same", 2000, 5);
	tree_text(t.fd, "new", "");
	tree_time(t.fd, "new", 3000, 5);
	for (int force = 0; force < 2; force++) {
		struct diff_opts o = {
			.level = -1, .clamp = !force, .force = force, .clamp_s = 2000};
		AUTO_MEM_WRITER struct mem_writer m = MEM_WRITER;
		(void)archive(t.fd, &o, &m);
		AUTO_TREE struct tree back = tree_new();
		struct err err = ERR_INIT;
		assert_int_equal(tar_apply_bytes(m.data.data, m.data.len, back.fd, 0, &err), 0);
		assert_int_equal(tree_stat(back.fd, "old").st_mtim.tv_sec, force ? 2000 : 1000);
		assert_int_equal(tree_stat(back.fd, "old").st_mtim.tv_nsec, force ? 0 : 5);
		assert_int_equal(tree_stat(back.fd, "same").st_mtim.tv_nsec, 0);
		assert_int_equal(tree_stat(back.fd, "new").st_mtim.tv_sec, 2000);
	}
}

static void holes_are_not_read_and_come_back(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_FD int fd = openat(t.fd, "sparse", O_RDWR | O_CREAT, 0644);
	assert_int_equal(ftruncate(fd, 64 * MIB), 0);
	assert_int_equal(pwrite(fd, "data", 4, 30 * MIB), 4);
	AUTO_MEM_WRITER struct mem_writer m = MEM_WRITER;
	struct layer l = archive(t.fd, &plain, &m);
	assert_int_equal(l.content, 64 * MIB);
	AUTO_TREE struct tree back = tree_new();
	struct err err = ERR_INIT;
	assert_int_equal(tar_apply_bytes(m.data.data, m.data.len, back.fd, 0, &err), 0);
	assert_same_tree(t.fd, back.fd, "");
	assert_true(tree_stat(back.fd, "sparse").st_blocks < 256);
}

static unsigned seed;
static unsigned rnd(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void random_name(char *buf)
{
	static const char *const pieces[] = {"a", "B", ".", "-", "0", " ", "\xc3\xa9", "\xff", "~",
		"e\xcc\x81", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\n", "_"};
	size_t n = 0;
	do {
		const char *p = pieces[rnd(ARRAY_LEN(pieces))];
		memcpy(buf + n, p, strlen(p));
		n += strlen(p);
	} while (n < 180 && rnd(4));
	buf[n] = '\0';
}

static void random_times(int dirfd, const char *name)
{
	tree_time(dirfd, name, (int64_t)rnd(2000000000), rnd(2) ? (long)rnd(1000000000) : 0);
}

static void random_tree(int dirfd, int depth, struct strv *files, const char *prefix, int rootfd)
{
	unsigned n = rnd(8);
	for (unsigned i = 0; i < n; i++) {
		char name[300];
		random_name(name);
		if (streq(name, ".") || streq(name, "..") || tree_has(dirfd, name))
			continue;
		AUTO_FREE char *path = xasprintf("%s%s", prefix, name);
		char content[9000];
		unsigned len = rnd(3) ? rnd(100) : rnd(sizeof(content));
		struct xattr x = {(char[]){"user.test"}, content, rnd(400)};
		struct err err = ERR_INIT;
		memset(content, rnd(2) ? 'c' : 0, sizeof(content));
		switch (rnd(9)) {
		case 0:
		case 1:
		case 2:
			tree_write(dirfd, name, content, len, 0600);
			if (rnd(4) == 0)
				assert_int_equal(xattr_set(dirfd, name, &x, &err), 0);
			if (rnd(3) == 0)
				assert_int_equal(
					fchownat(dirfd, name, rnd(3000000), rnd(3000000), 0), 0);
			assert_int_equal(fchmodat(dirfd, name, rnd(010000), 0), 0);
			strv_add(files, path);
			break;
		case 3:
		case 4:
			assert_int_equal(mkdirat(dirfd, name, 0755), 0);
			if (depth) {
				AUTO_FREE char *below = xasprintf("%s/", path);
				AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY);
				random_tree(fd, depth - 1, files, below, rootfd);
			}
			assert_int_equal(fchmodat(dirfd, name, 0700 | rnd(010000), 0), 0);
			break;
		case 5:
			assert_int_equal(symlinkat(rnd(2) ? "/etc/passwd" : name, dirfd, name), 0);
			break;
		case 6:
			assert_int_equal(
				mknodat(dirfd, name, rnd(2) ? S_IFIFO | 0644 : S_IFBLK | 0600,
					makedev(rnd(200), rnd(70000))),
				0);
			break;
		case 7:
			if (files->n && linkat(rootfd, files->v[rnd((unsigned)files->n)], dirfd,
						name, 0) < 0)
				fail();
			continue; /* its time is that of the other name */
		case 8:
			assert_int_equal(whiteout_make(dirfd, name), 0);
			continue;
		}
		if (!S_ISDIR(tree_stat(dirfd, name).st_mode))
			random_times(dirfd, name);
	}
}

/* Times of directories last, from the leaves up. */
static void time_directories(int dirfd)
{
	struct dirent **list;
	int n = scandirat(dirfd, ".", &list, NULL, by_name);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_type == DT_DIR && list[i]->d_name[0] &&
			!streq(list[i]->d_name, ".") && !streq(list[i]->d_name, "..")) {
			AUTO_FD int fd = openat(dirfd, list[i]->d_name, O_RDONLY | O_DIRECTORY);
			time_directories(fd);
			random_times(dirfd, list[i]->d_name);
		}
		free(list[i]);
	}
	free(list);
}

static void random_trees_come_back_as_they_were(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	for (unsigned round = 0; round < 40; round++) {
		seed = round;
		AUTO_TREE struct tree t = tree_new();
		AUTO_STRV struct strv files = STRV_INIT;
		random_tree(t.fd, 4, &files, "", t.fd);
		time_directories(t.fd);
		struct diff_opts o = {.compression = round % 3, .level = -1};
		AUTO_MEM_WRITER struct mem_writer m = MEM_WRITER;
		(void)archive(t.fd, &plain, &m);
		AUTO_TREE struct tree back = tree_new();
		struct err err = ERR_INIT;
		if (tar_apply_bytes(m.data.data, m.data.len, back.fd, 0, &err) < 0)
			fail_msg("seed %u: %s", round, err.msg);
		assert_same_tree(t.fd, back.fd, "");
		AUTO_MEM_WRITER struct mem_writer again = MEM_WRITER, first = MEM_WRITER;
		struct layer a = archive(t.fd, &o, &first), b = archive(back.fd, &o, &again);
		assert_true(digest_equal(&a.blob, &b.blob));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_in_bytewise_order_after_the_whiteouts),
		cmocka_unit_test(an_empty_directory_is_an_empty_changeset),
		cmocka_unit_test(the_same_tree_gives_the_same_bytes),
		cmocka_unit_test(a_large_tree_gives_the_same_bytes_as_pieces_of_it_would),
		cmocka_unit_test(an_error_of_the_blob_ends_all_processes),
		cmocka_unit_test(an_error_in_the_second_process_arrives),
		cmocka_unit_test(times_are_clamped_on_demand),
		cmocka_unit_test(holes_are_not_read_and_come_back),
		cmocka_unit_test(random_trees_come_back_as_they_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
