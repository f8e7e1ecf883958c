/* SPDX-License-Identifier: Apache-2.0 */
/* Throw-away trees for the tests of layers/: made, described as text (so that two can be compared),
 * removed. */
#pragma once
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/strv.h"
#include "base/xattr.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

struct tree {
	char path[64];
	int fd;
};

/* Below TMPDIR or /tmp, which must not be an overlay for the tests that mount. */
static inline struct tree tree_new(void)
{
	struct tree t;
	const char *tmp = getenv("TMPDIR");
	assert_true(snprintf(t.path, sizeof(t.path), "%s/mica-test-XXXXXX", tmp ? tmp : "/tmp") <
		    (int)sizeof(t.path));
	assert_non_null(mkdtemp(t.path));
	t.fd = open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t.fd >= 0);
	return t;
}

static inline void tree_done(struct tree *t)
{
	struct err err = ERR_INIT;
	close(t->fd);
	if (fs_remove_tree(AT_FDCWD, t->path, &err) < 0)
		fail_msg("%s", err.msg);
}
#define AUTO_TREE __attribute__((cleanup(tree_done)))

/* A directory inside a tree, to which the descriptor is returned (the caller closes it). */
static inline int tree_sub(struct tree *t, const char *name)
{
	assert_int_equal(mkdirat(t->fd, name, 0755), 0);
	int fd = openat(t->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Root of the initial user namespace: any owner can be given, and devices made. */
static inline bool tree_privileged(void)
{
	char name[64];
	(void)snprintf(name, sizeof(name), "/tmp/.mica-test-device-%d", (int)getpid());
	return mknod(name, S_IFCHR | 0600, makedev(1, 3)) == 0 && unlink(name) == 0;
}

static inline void tree_write(int dirfd, const char *path, const void *data, size_t n, mode_t mode)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, data, n), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static inline void tree_text(int dirfd, const char *path, const char *text)
{
	tree_write(dirfd, path, text, strlen(text), 0644);
}

static inline void tree_time(int dirfd, const char *path, int64_t sec, long ns)
{
	struct timespec t[2] = {{sec, ns}, {sec, ns}};
	assert_int_equal(utimensat(dirfd, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

static inline bool tree_has(int dirfd, const char *path)
{
	struct stat st;
	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline struct stat tree_stat(int dirfd, const char *path)
{
	struct stat st;
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("'%s' is missing", path);
	return st;
}

static inline char *tree_read(int dirfd, const char *path)
{
	struct err err = ERR_INIT;
	char *data;
	if (fs_read_file(dirfd, path, 16 * MIB, &data, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	return data;
}

static inline void describe_file(int fd, const struct stat *st, struct buf *b)
{
	char hex[DIGEST_STR_MAX];
	struct sha256 h;
	sha256_init(&h);
	static char chunk[65536];
	for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0;)
		sha256_update(&h, chunk, (size_t)n);
	struct digest d = sha256_final(&h);
	buf_addf(b, " %lld %s", (long long)st->st_size, digest_hex(&d, hex));
}

static inline void describe_xattrs(int fd, struct buf *b)
{
	struct err err = ERR_INIT;
	AUTO_XATTRS struct xattrs x = {0};
	assert_int_equal(xattrs_read(fd, "", &x, &err), 0);
	for (size_t i = 0; i < x.n; i++) {
		struct digest d = digest_of(x.x[i].value, x.x[i].len);
		char hex[DIGEST_STR_MAX];
		buf_addf(b, " %s=%.8s", x.x[i].name, digest_hex(&d, hex));
	}
	char y[2];
	if (fgetxattr(fd, "user.overlay.opaque", y, sizeof(y)) == 1)
		buf_addstr(b, " opaque");
}

static inline int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* One line an entry, sorted; inode numbers as the order in which linked files are met. flags: 'd'
 * leaves out the times of directories. */
static inline void tree_describe(int dirfd, const char *prefix, const char *flags, struct buf *b)
{
	static ino_t inodes[4096];
	static size_t n_inodes;
	if (!*prefix)
		n_inodes = 0;
	struct dirent **list;
	int n = scandirat(dirfd, ".", &list, NULL, by_name);
	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;
		if (streq(name, ".") || streq(name, ".."))
			goto next;
		struct stat st = tree_stat(dirfd, name);
		if (S_ISSOCK(st.st_mode))
			goto next;
		/* of a whiteout only that it is there has a meaning */
		if (S_ISCHR(st.st_mode) && st.st_rdev == 0) {
			buf_addf(b, "%s%s whiteout\n", prefix, name);
			goto next;
		}
		buf_addf(b, "%s%s %o %u:%u", prefix, name, st.st_mode, st.st_uid, st.st_gid);
		if (!S_ISDIR(st.st_mode) || !strchr(flags, 'd'))
			buf_addf(
				b, " %lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
			int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
			assert_true(fd >= 0);
			if (S_ISREG(st.st_mode))
				describe_file(fd, &st, b);
			describe_xattrs(fd, b);
			close(fd);
		}
		if (S_ISLNK(st.st_mode)) {
			char target[4096];
			ssize_t len = readlinkat(dirfd, name, target, sizeof(target) - 1);
			assert_true(len >= 0);
			buf_addf(b, " -> %.*s", (int)len, target);
		}
		if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			buf_addf(b, " %u:%u", major(st.st_rdev), minor(st.st_rdev));
		if (!strchr(flags, 'l') && st.st_nlink > 1 && !S_ISDIR(st.st_mode) &&
			!S_ISCHR(st.st_mode)) {
			size_t k = 0;
			while (k < n_inodes && inodes[k] != st.st_ino)
				k++;
			if (k == n_inodes && n_inodes < ARRAY_LEN(inodes))
				inodes[n_inodes++] = st.st_ino;
			buf_addf(b, " link#%zu", k);
		}
		buf_addch(b, '\n');
		if (S_ISDIR(st.st_mode)) {
			AUTO_FREE char *below = xasprintf("%s%s/", prefix, name);
			int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			tree_describe(fd, below, flags, b);
			close(fd);
		}
	next:
		free(list[i]);
	}
	free(list);
}

static inline void assert_same_tree(int a, int b, const char *flags)
{
	AUTO_BUF struct buf left = BUF_INIT(64 * MIB), right = BUF_INIT(64 * MIB);
	tree_describe(a, "", flags, &left);
	tree_describe(b, "", flags, &right);
	if (!streq(buf_str(&left), buf_str(&right))) {
		const char *l = buf_str(&left), *r = buf_str(&right);
		size_t at = 0;
		while (l[at] && l[at] == r[at])
			at++;
		while (at && l[at - 1] != '\n')
			at--;
		fail_msg("trees differ at:\n%.300s\n--- and\n%.300s", l + at, r + at);
	}
}

/* A writer into memory. */
struct mem_writer {
	struct writer w;
	struct buf data;
};
static inline int mem_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	struct mem_writer *m = (struct mem_writer *)w;
	(void)err;
	buf_add(&m->data, p, n);
	assert_false(m->data.toobig);
	return 0;
}
#define MEM_WRITER                                                                                 \
	{                                                                                          \
		.w = {.write = mem_write}, .data = BUF_INIT(256 * MIB)                             \
	}
static inline void mem_writer_done(struct mem_writer *m)
{
	buf_done(&m->data);
}
#define AUTO_MEM_WRITER __attribute__((cleanup(mem_writer_done)))
