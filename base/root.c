/* SPDX-License-Identifier: Apache-2.0 */
#include "base/root.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/path.h"
#include "base/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */
#define RETRIES 64 /* openat2 says EAGAIN when a rename raced with a ".." */

static bool no_openat2;

void root_disable_openat2(bool disable)
{
	no_openat2 = disable;
}

static const char *or_dot(const char *path)
{
	return *path ? path : ".";
}

static int try_openat2(int rootfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY ? mode & 07777 : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	for (int i = 0; i < RETRIES; i++) {
		long fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return (int)fd;
	}
	return -1;
}

static char *read_link(int dirfd, const char *name)
{
	char buf[4096];
	ssize_t n = readlinkat(dirfd, name, buf, sizeof(buf));
	if (n < 0)
		return NULL;
	if ((size_t)n >= sizeof(buf)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return xstrndup(buf, (size_t)n);
}

/*
 * The walk without openat2: one O_PATH|O_NOFOLLOW step a component, links pushed back as
 * components, ".." by a stack of the descriptors that were passed, so that a rename meanwhile
 * cannot lead above the root. The names walked are collected in `trail` (for root_realpath) when it
 * is not NULL.
 */
struct walk {
	int rootfd;
	struct strv todo; /* components still to go, the next one last */
	int *stack; /* directories entered */
	size_t depth, cap;
	int links;
	bool want_dir; /* the path ended in a slash */
	struct strv *trail;
};

static int walk_dir(const struct walk *w)
{
	return w->depth ? w->stack[w->depth - 1] : w->rootfd;
}

static void walk_up(struct walk *w)
{
	if (!w->depth)
		return;
	close(w->stack[--w->depth]);
	if (w->trail)
		strv_remove(w->trail, w->trail->n - 1);
}

static void walk_enter(struct walk *w, int fd)
{
	if (w->depth == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 16;
		w->stack = xreallocarray(w->stack, w->cap, sizeof(*w->stack));
	}
	w->stack[w->depth++] = fd;
}

static int walk_link(struct walk *w, const char *name)
{
	if (++w->links > LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	AUTO_FREE char *target = read_link(walk_dir(w), name);
	if (!target)
		return -1;
	while (target[0] == '/' && w->depth)
		walk_up(w);
	if (!w->todo.n && path_has_trailing_slash(target))
		w->want_dir = true;
	path_push(&w->todo, target);
	return 0;
}

#define WALK_ON (-2)

/* One component: the descriptor when it was the last, WALK_ON when there is more, -1 with errno. */
static int walk_step(struct walk *w, const char *name, int flags, mode_t mode)
{
	bool last = w->todo.n == 0;
	int dir = walk_dir(w);
	AUTO_FD int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0 && errno == ENOENT && last && (flags & O_CREAT))
		return openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (S_ISLNK(st.st_mode) && !(last && (flags & O_NOFOLLOW))) {
		if (last && (flags & O_CREAT) && (flags & O_EXCL)) {
			errno = EEXIST;
			return -1;
		}
		return walk_link(w, name) < 0 ? -1 : WALK_ON;
	}
	if ((!last || w->want_dir) && !S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	if (w->trail)
		strv_add(w->trail, name);
	if (last)
		return openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	walk_enter(w, take_fd(&fd));
	return WALK_ON;
}

static int walk(int rootfd, const char *path, int flags, mode_t mode, struct strv *trail)
{
	struct walk w = {
		.rootfd = rootfd, .trail = trail, .want_dir = path_has_trailing_slash(path)};
	int result = WALK_ON;
	path_push(&w.todo, path);
	while (w.todo.n && result == WALK_ON) {
		AUTO_FREE char *name = xstrdup(w.todo.v[w.todo.n - 1]);
		strv_remove(&w.todo, w.todo.n - 1);
		if (streq(name, ".."))
			walk_up(&w);
		else
			result = walk_step(&w, name, flags, mode);
	}
	/* the path ended in "..", ".", "/" or a link to the top: a directory that is open already
	 */
	if (result == WALK_ON)
		result = openat(walk_dir(&w), ".", flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW), mode);
	int saved = errno;
	while (w.depth)
		close(w.stack[--w.depth]);
	free(w.stack);
	strv_done(&w.todo);
	errno = saved;
	return result;
}

int root_open(int rootfd, const char *path, int flags, mode_t mode)
{
	flags |= O_CLOEXEC;
	if (!(flags & O_PATH)) /* openat2 refuses flags that have no meaning */
		flags |= O_NOCTTY;
	path = or_dot(path);
	if (!no_openat2) {
		int fd = try_openat2(rootfd, path, flags, mode);
		if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
			return fd;
	}
	return walk(rootfd, path, flags, mode, NULL);
}

int root_open_parent(int rootfd, const char *path, const char **ret_name)
{
	const char *end = path + strlen(path);
	const char *slash = memrchr(path, '/', (size_t)(end - path));
	const char *name = slash ? slash + 1 : path;
	if (streq(name, "..") || streq(name, ".") || (!*name && path[strspn(path, "/")])) {
		errno = EINVAL;
		return -1;
	}
	AUTO_FREE char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
	int fd = root_open(rootfd, dir, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0)
		*ret_name = name;
	return fd;
}

int root_open_nofollow(int rootfd, const char *path, int flags, mode_t mode)
{
	return root_open(rootfd, path, flags | O_NOFOLLOW, mode);
}

int root_stat(int rootfd, const char *path, struct stat *st)
{
	AUTO_FD int fd = root_open(rootfd, path, O_PATH, 0);
	return fd < 0 ? -1 : fstat(fd, st);
}

int root_lstat(int rootfd, const char *path, struct stat *st)
{
	AUTO_FD int fd = root_open(rootfd, path, O_PATH | O_NOFOLLOW, 0);
	return fd < 0 ? -1 : fstat(fd, st);
}

char *root_resolve(int rootfd, const char *path)
{
	AUTO_STRV struct strv todo = STRV_INIT, done = STRV_INIT;
	int links = 0;
	strv_split(&todo, path, '/');
	while (todo.n) {
		AUTO_FREE char *name = xstrdup(todo.v[0]);
		strv_remove(&todo, 0);
		if (!*name || streq(name, "."))
			continue;
		if (streq(name, "..")) {
			if (done.n)
				strv_remove(&done, done.n - 1);
			continue;
		}
		strv_add(&done, name);
		AUTO_FREE char *sofar = strv_join(&done, "/");
		AUTO_FD int fd = root_open(rootfd, sofar, O_PATH | O_NOFOLLOW, 0);
		struct stat st;
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
			return NULL;
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode))
			continue;
		char target[4096];
		ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
		if (n < 0)
			return NULL;
		target[n] = '\0';
		if (++links > LINKS_MAX) {
			errno = ELOOP;
			return NULL;
		}
		strv_remove(&done, done.n - 1);
		if (target[0] == '/')
			strv_done(&done);
		AUTO_STRV struct strv parts = STRV_INIT;
		strv_split(&parts, target, '/');
		for (size_t i = parts.n; i-- > 0;)
			strv_insert(&todo, 0, parts.v[i]);
	}
	return strv_join(&done, "/");
}

/* A new directory below dir; -1 also where something is there already: a dangling link. */
static int make_dir(int dir, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	if (mkdirat(dir, name, mode) < 0)
		return -1;
	AUTO_FD int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool owned = uid != (uid_t)-1 || gid != (gid_t)-1;
	if (fd < 0 || (owned && owner_set(fd, uid, gid) < 0) || fchmod(fd, mode) < 0)
		return -1;
	return take_fd(&fd);
}

int root_mkdir_p(int rootfd, const char *path, mode_t mode, uid_t uid, gid_t gid, int *ret_fd)
{
	/* the longest part that exists, links followed, then one mkdir a component below an open
	 * descriptor */
	AUTO_FREE char *clean = path_clean_rel(path);
	AUTO_FD int dir = root_open(rootfd, clean, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0 && errno == ENOENT) {
		AUTO_STRV struct strv parts = STRV_INIT;
		strv_split(&parts, clean, '/');
		AUTO_FREE char *prefix = xstrdup("");
		dir = root_open(rootfd, "", O_RDONLY | O_DIRECTORY, 0);
		for (size_t i = 0; i < parts.n && dir >= 0; i++) {
			mem_replace(&prefix, xasprintf("%s%s%s", prefix, i ? "/" : "", parts.v[i]));
			int next = root_open(rootfd, prefix, O_RDONLY | O_DIRECTORY, 0);
			if (next < 0 && errno == ENOENT)
				next = make_dir(dir, parts.v[i], mode, uid, gid);
			mem_close_p(&dir);
			dir = next;
		}
	}
	if (dir < 0)
		return -1;
	if (ret_fd)
		*ret_fd = take_fd(&dir);
	return 0;
}

char *root_realpath(int rootfd, const char *path)
{
	AUTO_STRV struct strv trail = STRV_INIT;
	AUTO_FD int fd = walk(rootfd, or_dot(path), O_PATH, 0, &trail);
	if (fd < 0)
		return NULL;
	return strv_join(&trail, "/");
}

int root_read_file(
	int rootfd, const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer; what it is is known only then */
	AUTO_FD int fd = root_open(rootfd, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_NOT_FOUND, "cannot open '%s': %s", path,
			err_text(errno, (char[ERR_TEXT_MAX]){0}));
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID,
			S_ISDIR(st.st_mode) ? "'%s' is not a file but a directory"
					    : "'%s' is not a regular file",
			path);
	return fs_read_fd(fd, path, max, ret_data, ret_len, err);
}
