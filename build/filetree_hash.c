/* SPDX-License-Identifier: Apache-2.0 */
/* Content digests of a tree's files: from the stat cache, else by reading them, with one process a
 * core when there is much to read. */
#include "base/crew.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/root.h"
#include "base/xattr.h"
#include "build/filetree.h"
#include "build/filetree_internal.h"
#include "store/statcache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define READ_BUF (256 * KIB)
#define PARALLEL_FILES 256 /* below that, forking costs more than it saves */
#define PARALLEL_BYTES (4 * MIB)
#define CHUNK 32 /* files that a process takes at a time */

struct todo {
	struct node **n;
	size_t count, cap;
	uint64_t bytes;
};

bool filetree_knows(struct filetree *t, struct node *n)
{
	if (!n->has_digest && t->cache &&
		statcache_get(t->cache, &n->st, &n->digest, &n->has_xattrs))
		n->has_digest = true;
	return n->has_digest;
}

static int collect(struct filetree *t, struct node *n, struct todo *todo, struct err *err)
{
	if (S_ISDIR(n->st.st_mode)) {
		if (filetree_list(t, n, err) < 0)
			return err->code;
		for (size_t i = 0; i < n->n_children; i++)
			if (collect(t, n->children[i], todo, err) < 0)
				return err->code;
		return 0;
	}
	if (!S_ISREG(n->st.st_mode) || n->ignored || filetree_knows(t, n))
		return 0;
	if (todo->count == todo->cap) {
		todo->cap = todo->cap ? todo->cap * 2 : 64;
		todo->n = xreallocarray(todo->n, todo->cap, sizeof(struct node *));
	}
	todo->n[todo->count++] = n;
	todo->bytes += (uint64_t)n->st.st_size;
	return 0;
}

/* The directory of the file that was hashed last: files come a directory at a time. */
struct cursor {
	const struct node *dir;
	int fd;
	char *buf;
};

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void hash_xattrs(struct sha256 *h, const struct xattrs *x)
{
	for (size_t i = 0; i < x->n; i++) {
		uint64_t len = x->x[i].len;
		sha256_update(h, x->x[i].name, strlen(x->x[i].name) + 1);
		sha256_update(h, &len, sizeof(len));
		sha256_update(h, x->x[i].value, x->x[i].len);
	}
}

struct hashed {
	struct digest digest;
	bool has_xattrs;
};

static int hash_file(struct filetree *t, struct cursor *c, const struct node *n, struct hashed *ret,
	struct err *err)
{
	if (c->dir != n->parent) {
		AUTO_FREE char *path = node_path(n->parent);
		mem_close_p(&c->fd);
		c->fd = root_open(t->rootfd, path, O_PATH | O_DIRECTORY, 0);
		if (c->fd < 0)
			return err_sys(err, "cannot open '%s'", path);
		c->dir = n->parent;
	}
	AUTO_FREE char *path = NULL;
	AUTO_FD int fd = openat(c->fd, n->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0) {
		path = node_path(n);
		return err_sys(err, "cannot open '%s'", path);
	}
	struct sha256 h;
	sha256_init(&h);
	for (;;) {
		ssize_t got = read(fd, c->buf, READ_BUF);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			path = node_path(n);
			return err_sys(err, "cannot read '%s'", path);
		}
		if (got == 0)
			break;
		sha256_update(&h, c->buf, (size_t)got);
		if ((size_t)got < READ_BUF && st.st_size <= (off_t)READ_BUF)
			break; /* spares the read that would say 0 */
		if (proc_interrupted(err) < 0)
			return err->code;
	}
	ret->digest = sha256_final(&h);
	if (!same_file(&st, &n->st)) {
		path = node_path(n);
		return err_set(err, ERR_INVALID,
			"'%s' changed while it was read; build again when nothing writes to it",
			path);
	}
	AUTO_XATTRS struct xattrs x = {0};
	if (filetree_xattrs(t, fd, &x, err) < 0)
		return err->code;
	ret->has_xattrs = x.n > 0;
	if (x.n) {
		struct sha256 both;
		sha256_init(&both);
		sha256_update(&both, ret->digest.b, digest_size(&ret->digest));
		hash_xattrs(&both, &x);
		ret->digest = sha256_final(&both);
	}
	return 0;
}

struct hash_job {
	struct filetree *tree;
	const struct todo *todo;
	struct hashed *hashed; /* shared memory */
	struct cursor cursor; /* of this process */
};

static int hash_range(void *arg, size_t from, size_t to, struct err *err)
{
	struct hash_job *j = arg;
	for (size_t i = from; i < to; i++)
		if (hash_file(j->tree, &j->cursor, j->todo->n[i], &j->hashed[i], err) < 0)
			return err->code;
	return 0;
}

static int hash_all(
	struct filetree *t, const struct todo *todo, struct hashed *hashed, struct err *err)
{
	struct hash_job j = {.tree = t,
		.todo = todo,
		.hashed = hashed,
		.cursor = {.fd = -1, .buf = xmalloc(READ_BUF)}};
	bool little = todo->count < PARALLEL_FILES && todo->bytes < PARALLEL_BYTES;
	int rc = crew_run(todo->count, CHUNK, little ? 1 : crew_cores(), hash_range, &j, err);
	mem_close_p(&j.cursor.fd);
	free(j.cursor.buf);
	return rc;
}

int filetree_hash(struct filetree *t, struct node *const *nodes, size_t n, struct err *err)
{
	struct todo todo = {0};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = collect(t, nodes[i], &todo, err);
	if (rc == 0 && todo.count) {
		size_t size = todo.count * sizeof(struct hashed);
		struct hashed *hashed =
			mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (hashed == MAP_FAILED) {
			rc = err_sys(err, "cannot map memory for %zu digests", todo.count);
		} else {
			rc = hash_all(t, &todo, hashed, err);
			for (size_t i = 0; rc == 0 && i < todo.count; i++) {
				todo.n[i]->digest = hashed[i].digest;
				todo.n[i]->has_xattrs = hashed[i].has_xattrs;
				todo.n[i]->has_digest = true;
				if (t->cache)
					statcache_put(t->cache, &todo.n[i]->st, &hashed[i].digest,
						hashed[i].has_xattrs);
			}
			munmap(hashed, size);
		}
	}
	free(todo.n);
	return rc;
}
