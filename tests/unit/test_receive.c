/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement cannot be undone, so everything here runs in jobs. */
#include "tests/unit/unit.h"

#include "base/gzip_stream.h"
#include "base/job.h"
#include "base/kernel.h"
#include "base/zstd_stream.h"
#include "layers/whiteout.h"
#include "tests/unit/tars.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static int receive_job(void *arg, struct buf *out, struct err *err)
{
	struct layer l;
	if (layer_receive(arg, &l, err) < 0)
		return err->code;
	buf_add(out, &l, sizeof(l));
	return 0;
}

static int receive(const struct layer_receive *r, struct layer *ret, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(1000);
	struct layer_receive copy = *r;
	if (job_run(receive_job, &copy, &b, err) < 0)
		return err->code;
	assert_int_equal(b.len, sizeof(*ret));
	memcpy(ret, b.data, sizeof(*ret));
	return 0;
}

/* The archive as the file "blob" in t, compressed. */
static struct digest put_blob(struct tree *t, const struct tar *a, int how, size_t *ret_n)
{
	AUTO_MEM_WRITER struct mem_writer z = MEM_WRITER;
	AUTO_WRITER struct writer *w = how == 1   ? writer_gzip(&z.w, -1)
	                               : how == 2 ? writer_zstd(&z.w, 0)
	                                          : NULL;
	struct err err = ERR_INIT;
	assert_int_equal(writer_write(w ? w : &z.w, a->mem.data.data, a->mem.data.len, &err), 0);
	if (w)
		assert_int_equal(writer_finish(w, &err), 0);
	tree_write(t->fd, "blob", z.data.data, z.data.len, 0644);
	*ret_n = z.data.len;
	return digest_of(z.data.data, z.data.len);
}

static void one_pass_unpacks_copies_and_hashes(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	for (int how = 0; how < 3; how++) {
		AUTO_TREE struct tree t = tree_new();
		AUTO_TAR struct tar a;
		tar_init(&a);
		tar_dir(&a, "etc", 0755);
		tar_file(&a, "etc/gr\xc3\xbc\xc3\x9f", "hello");
		tar_file(&a, ".wh.x", "");
		tar_file(&a, "etc/.wh..wh..opq", "");
		struct tar_entry e = {.path = "f", .mode = S_IFREG | 04755, .uid = 5, .gid = 6};
		tar_entry(&a, &e, NULL);
		tar_device(&a, "null", S_IFCHR | 0666, 1, 3);
		tar_end(&a);
		struct digest diff_id = digest_of(a.mem.data.data, a.mem.data.len);
		size_t n;
		struct digest blob = put_blob(&t, &a, how, &n);
		AUTO_FD int in = openat(t.fd, "blob", O_RDONLY),
			    copy = openat(t.fd, "copy", O_RDWR | O_CREAT, 0644),
			    dir = tree_sub(&t, "dir");
		struct layer_receive r = {.in = in, .copy = copy, .dir = dir, .max_blob = n};
		struct layer l;
		struct err err = ERR_INIT;
		if (receive(&r, &l, &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(digest_equal(&l.diff_id, &diff_id));
		assert_true(digest_equal(&l.blob, &blob));
		assert_int_equal(l.blob_size, n);
		assert_int_equal(l.diff_size, a.mem.data.len);
		assert_int_equal(l.entries, 6);
		assert_int_equal(l.content, 5);
		assert_int_equal(tree_stat(t.fd, "copy").st_size, n);
		AUTO_FREE char *text = tree_read(dir, "etc/gr\xc3\xbc\xc3\x9f");
		assert_string_equal(text, "hello");
		assert_int_equal(tree_stat(dir, "f").st_uid, 5);
		assert_int_equal(tree_stat(dir, "f").st_mode & 07777, 04755);
		assert_true(S_ISCHR(tree_stat(dir, "x").st_mode));
		assert_int_equal(tree_stat(dir, "null").st_rdev, makedev(1, 3));

		/* only hashed */
		assert_int_equal(lseek(in, 0, SEEK_SET), 0);
		struct layer_receive only = {.in = in, .copy = -1, .dir = -1};
		struct layer again;
		assert_int_equal(receive(&only, &again, &err), 0);
		assert_true(digest_equal(&again.diff_id, &diff_id));
		assert_true(digest_equal(&again.blob, &blob));
	}
}

static void a_blob_that_is_too_long_truncated_or_strange_is_refused(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	AUTO_TAR struct tar a;
	tar_init(&a);
	tar_file(&a, "f", "hello");
	tar_end(&a);
	size_t n;
	(void)put_blob(&t, &a, 1, &n);
	AUTO_FD int in = openat(t.fd, "blob", O_RDWR), dir = tree_sub(&t, "dir");
	struct layer_receive r = {.in = in, .copy = -1, .dir = dir, .max_blob = n - 1};
	struct layer l;
	struct err err = ERR_INIT;
	assert_int_equal(receive(&r, &l, &err), ERR_CORRUPT);
	r.max_blob = 0;
	assert_int_equal(ftruncate(in, (off_t)n - 1), 0);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(receive(&r, &l, &err), ERR_CORRUPT);
	assert_int_equal(pwrite(in, "BZh91AY&SY", 10, 0), 10);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(receive(&r, &l, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "bzip2"));
}

static void the_input_is_read_to_its_end_after_an_error(void **state)
{
	(void)state;
	AUTO_TREE struct tree t = tree_new();
	int p[2];
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	AUTO_FD int dir = tree_sub(&t, "dir");
	struct layer_receive r = {.in = p[0], .copy = -1, .dir = dir};
	struct job job;
	struct err err = ERR_INIT;
	assert_int_equal(job_start(&job, receive_job, &r, &err), 0);
	close(p[0]);
	char garbage[65536];
	memset(garbage, 'g', sizeof(garbage));
	for (int i = 0; i < 40; i++)
		assert_int_equal(fs_write_all(p[1], garbage, sizeof(garbage)), 0);
	close(p[1]);
	assert_int_equal(job_collect(&job, true, NULL, &err), ERR_CORRUPT);
}

struct attempt {
	struct tree *t;
	int dir, kept, other;
};

/* Sets a bit for everything that should have failed and did not. */
static int try_to_escape(void *arg, struct buf *out, struct err *err)
{
	struct attempt *a = arg;
	unsigned bad = 0;
	/* else marks of such a name are the worker's business */
	bool trusted = !whiteout_user_xattrs(a->dir) || !kernel_at_least("5.11");
	if (layer_confine(a->dir, &a->kept, 1, err) < 0)
		return err->code;
	char c;
	struct stat st;
	bad |= (access("/", F_OK) == 0) << 0; /* not on the list */
	bad |= (open(a->t->path, O_RDONLY) >= 0) << 1;
	bad |= (open("/proc/self/exe", O_RDONLY) >= 0 || open("/../marker", O_RDONLY) >= 0) << 2;
	bad |= (socket(AF_INET, SOCK_STREAM, 0) >= 0) << 3;
	bad |= (fork() >= 0) << 4;
	bad |= (execl("/tool", "tool", NULL) != -1) << 5;
	bad |= (fstat(a->other, &st) == 0 || fstat(a->dir, &st) == 0) << 6;
	bad |= (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		       MAP_FAILED)
	       << 7;
	bad |= (mount("x", "/", "tmpfs", 0, NULL) == 0 || chroot("/") == 0) << 8;
	bad |= (ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 || syscall(SYS_bpf, 0, 0, 0) >= 0 ||
		       syscall(SYS_keyctl, 0, 0, 0) >= 0)
	       << 9;
	bad |= (syscall(SYS_setuid, 0) == 0) << 10;
	/* and what must go on working */
	bad |= (read(a->kept, &c, 1) != 1) << 11;
	int fd = open("/made", O_WRONLY | O_CREAT, 0644);
	bad |= (fd < 0 || fchown(fd, 7, 7) < 0) << 12;
	/* may be asked for, but takes CAP_SYS_ADMIN */
	bad |= (!trusted && fsetxattr(fd, "trusted.x", "y", 1, 0) == 0) << 13;
	buf_add(out, &bad, sizeof(bad));
	return 0;
}

/* cve: CVE-2024-3094 */
static void the_box_is_closed(void **state)
{
	(void)state;
	if (!tree_privileged())
		skip_because("only root can set owners, devices and trusted attributes");
	AUTO_TREE struct tree t = tree_new();
	tree_text(t.fd, "marker", "x");
	AUTO_FD int dir = tree_sub(&t, "dir"), kept = openat(t.fd, "marker", O_RDONLY),
		    other = openat(t.fd, "marker", O_RDONLY);
	tree_write(dir, "tool", "#!/bin/sh\n", 10, 0755);
	struct attempt a = {.t = &t, .dir = dir, .kept = kept, .other = other};
	AUTO_BUF struct buf b = BUF_INIT(100);
	struct err err = ERR_INIT;
	if (job_run(try_to_escape, &a, &b, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(b.len, sizeof(unsigned));
	unsigned bad;
	memcpy(&bad, b.data, sizeof(bad));
	assert_int_equal(bad, 0);
	assert_int_equal(tree_stat(dir, "made").st_uid, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_pass_unpacks_copies_and_hashes),
		cmocka_unit_test(a_blob_that_is_too_long_truncated_or_strange_is_refused),
		cmocka_unit_test(the_input_is_read_to_its_end_after_an_error),
		cmocka_unit_test(the_box_is_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
