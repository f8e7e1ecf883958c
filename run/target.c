/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount points in a tree that the image controls. The path is walked one component at a time and
 * every link is resolved inside the root; the result is a descriptor, and it is the descriptor that
 * is mounted on. What has to be made is made with O_EXCL below a descriptor of its parent, and
 * reported to the caller's side, which removes it after the step, again by descriptor
 * (CVE-2024-23652, CVE-2024-45310).
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/root.h"
#include "run/mounts.h"
#include "run/report.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */

struct walk {
	char done[PATH_MAX]; /* physical path from the root, no links, no leading '/' */
	char todo[PATH_MAX];
	unsigned links;
	int fd; /* O_PATH of what is done; -1: not opened */
};

static void set_fd(struct walk *w, int fd)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = fd;
}

/* Takes the next component off todo; false at the end. */
static bool next_component(struct walk *w, char *name, size_t n)
{
	char *s = w->todo + strspn(w->todo, "/");
	size_t len = strcspn(s, "/");
	if (len == 0 || len >= n)
		return false;
	memcpy(name, s, len);
	name[len] = '\0';
	memmove(w->todo, s + len, strlen(s + len) + 1);
	return true;
}

static bool is_last(const struct walk *w)
{
	return w->todo[strspn(w->todo, "/")] == '\0';
}

static int push(struct walk *w, const char *name)
{
	size_t n = strlen(w->done);
	if (n + strlen(name) + 2 > sizeof(w->done)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(w->done + n, sizeof(w->done) - n, "%s%s", n ? "/" : "", name);
	return 0;
}

static void pop(struct walk *w)
{
	char *slash = strrchr(w->done, '/');
	*(slash ? slash : w->done) = '\0';
	set_fd(w, -1);
}

/* w->fd is a link: its text goes before what is left to do. */
static int follow(struct walk *w)
{
	char text[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(w->fd, "", text, sizeof(text) - 1);
	if (n < 0)
		return -1;
	text[n] = '\0';
	errno = ELOOP;
	if (++w->links > LINKS_MAX)
		return -1;
	memcpy(rest, w->todo, strlen(w->todo) + 1);
	errno = ENAMETOOLONG;
	if ((size_t)snprintf(w->todo, sizeof(w->todo), "%s/%s", text, rest) >= sizeof(w->todo))
		return -1;
	pop(w);
	if (text[0] == '/')
		w->done[0] = '\0';
	return 0;
}

/* Directories of the image that are about to be copied into the upper, so that they can be taken
 * out again. */
static int report_copied_dirs(const struct box *b, const char *path)
{
	char prefix[PATH_MAX];
	struct stat root, st;
	if (b->spec->root.upper < 0 || fstat(b->root, &root) < 0)
		return 0;
	for (const char *end = path; *path; end++) {
		if (*end != '/' && *end != '\0')
			continue;
		memcpy(prefix, path, (size_t)(end - path));
		prefix[end - path] = '\0';
		if (root_lstat(b->root, prefix, &st) < 0 || st.st_dev != root.st_dev)
			return 0; /* below another mount: not in the upper at all */
		struct stat upper;
		struct report_dir d = {.mode = st.st_mode,
			.uid = st.st_uid,
			.gid = st.st_gid,
			.mtime = st.st_mtim};
		/* in the upper it has the numbers that it has for the workload */
		uint32_t uid, gid;
		if (idmap_inside(&b->spec->users.uids, st.st_uid, &uid) &&
			idmap_inside(&b->spec->users.gids, st.st_gid, &gid)) {
			d.uid = uid;
			d.gid = gid;
		}
		bool in_upper = root_lstat(b->spec->root.upper, prefix, &upper) == 0;
		if (!in_upper && strlen(prefix) < sizeof(d.path)) {
			memcpy(d.path, prefix, strlen(prefix) + 1);
			if (report_dir(b->report, &d) < 0)
				return -1;
		}
		if (*end == '\0')
			break;
	}
	return 0;
}

/*
 * A directory for the caller's side, who removes what was made there when the mounts are gone. They
 * stay for as long as somebody reads /proc/PID/mountinfo, and hide it: so it is on a mount of its
 * own, where nothing is mounted.
 */
static int report_made(const struct box *b, const struct report_stub *stub, int parent)
{
	AUTO_FD int mount = b->spec->chroot
	                            ? -1
	                            : open_tree(parent, "",
					      AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	AUTO_FD int bare = mount < 0 ? -1 : openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return report_stub(b->report, stub, bare < 0 ? parent : bare);
}

/* Makes name in dir, a physical path from the root. */
static int make(const struct box *b, const char *dir, const char *name, bool is_dir, bool keep)
{
	struct report_stub stub = {.is_dir = is_dir};
	struct stat st;
	if (strlen(name) >= sizeof(stub.name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (!keep && report_copied_dirs(b, dir) < 0)
		return -1;
	AUTO_FD int parent = root_open(b->root, *dir ? dir : "/", O_RDONLY | O_DIRECTORY, 0);
	if (parent < 0 || fstat(parent, &st) < 0)
		return -1;
	stub.before = st.st_mtim;
	if (is_dir) {
		if (mkdirat(parent, name, 0755) < 0)
			return -1;
	} else {
		AUTO_FD int fd = openat(
			parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0)
			return -1;
	}
	if (keep)
		return 0;
	memcpy(stub.name, name, strlen(name) + 1);
	if (strlen(dir) < sizeof(stub.dir))
		memcpy(stub.dir, dir, strlen(dir) + 1);
	if (fstat(parent, &st) < 0)
		return -1;
	stub.after = st.st_mtim;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	stub.dev = st.st_dev;
	stub.ino = st.st_ino;
	return report_made(b, &stub, parent);
}

static int open_done(const struct box *b, struct walk *w, struct stat *st)
{
	set_fd(w, root_open_nofollow(b->root, *w->done ? w->done : "/", O_PATH, 0));
	return w->fd < 0 ? -1 : fstat(w->fd, st);
}

/* w->fd: the last component, or -1 where that is none of its own ("/", "a/.."). */
static int walk_to(const struct box *b, struct walk *w, unsigned flags)
{
	char name[NAME_MAX + 1];
	struct stat st;
	while (next_component(w, name, sizeof(name))) {
		if (streq(name, "."))
			continue;
		if (streq(name, "..")) {
			pop(w);
			continue;
		}
		if (push(w, name) < 0)
			return -1;
		bool want_dir = !is_last(w) || !(flags & TARGET_FILE);
		int r = open_done(b, w, &st);
		if (r < 0 && errno == ENOENT) {
			pop(w);
			if (make(b, w->done, name, want_dir, flags & TARGET_KEEP) < 0)
				return -1;
			r = push(w, name) < 0 ? -1 : open_done(b, w, &st);
		}
		if (r < 0)
			return -1;
		if (S_ISLNK(st.st_mode)) {
			if (follow(w) < 0)
				return -1;
		} else if (S_ISDIR(st.st_mode) != want_dir) {
			errno = want_dir ? ENOTDIR : EISDIR;
			return -1;
		}
	}
	if (!is_last(w)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

static int open_target(
	const struct box *b, const char *path, struct walk *w, unsigned flags, struct err *err)
{
	struct stat st;
	if ((size_t)snprintf(w->todo, sizeof(w->todo), "%s", path) >= sizeof(w->todo))
		return err_set(err, ERR_INVALID, "mount target '%.60s...' is too long", path);
	if (walk_to(b, w, flags) < 0)
		return err_sys(err, "cannot prepare mount target '%s'", path);
	if (w->fd < 0 && open_done(b, w, &st) < 0)
		return err_sys(err, "cannot open mount target '%s'", path);
	return 0;
}

int target_open(const struct box *b, const char *path, unsigned flags, int *ret_fd, struct err *err)
{
	struct walk w = {.fd = -1};
	int r = open_target(b, path, &w, flags, err);
	AUTO_FD int fd = w.fd;
	struct stat st;
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot look at mount target '%s'", path);
	/* the root is no file; and somebody may swap what has no descriptor of the walk's */
	if (S_ISDIR(st.st_mode) == !!(flags & TARGET_FILE) || S_ISLNK(st.st_mode))
		return err_set(err, ERR_INVALID, "mount target '%s' is not a %s", path,
			flags & TARGET_FILE ? "file" : "directory");
	*ret_fd = take_fd(&fd);
	return 0;
}
