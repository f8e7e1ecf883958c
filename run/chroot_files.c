/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mounts are for elsewhere, as files in the root: devices, /etc/hosts and /etc/resolv.conf,
 * secrets. The caller's side puts them there before anybody runs in it, and takes them out when
 * nobody does any more: what the image had there has its content and time again, unless the step
 * has changed it.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/root.h"
#include "run/init.h"
#include "run/mounts.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define OLD_MAX MIB /* of a file that is replaced for a while; one that is larger stays as it is */

struct placed {
	/* made: name in parent */
	int parent;
	char *name;
	bool is_dir;
	dev_t dev;
	ino_t ino;
	struct timespec before, after; /* the parent's mtime around it */
	/* changed: the file itself, and what was in it */
	int file;
	char *old, *now;
	size_t old_len, now_len;
	struct timespec times[2];
};

struct chroot_files {
	int root;
	int null; /* of what is around us: standard input, where the root can have none */
	struct stat null_was;
	struct placed *p;
	size_t n;
};

static struct placed *add(struct chroot_files *f)
{
	f->p = xreallocarray(f->p, f->n + 1, sizeof(*f->p));
	f->p[f->n] = (struct placed){.parent = -1, .file = -1};
	return &f->p[f->n++];
}

/* The thing has just been made there. before: of the directory */
static int note_made(
	struct chroot_files *f, int parent, const char *name, const struct stat *before)
{
	struct stat st, after;
	AUTO_FD int dir = fcntl(parent, F_DUPFD_CLOEXEC, 3);
	if (dir < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		fstat(parent, &after) < 0)
		return -1;
	struct placed *p = add(f);
	p->parent = take_fd(&dir);
	p->name = xstrdup(name);
	p->is_dir = S_ISDIR(st.st_mode);
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	p->before = before->st_mtim;
	p->after = after.st_mtim;
	return 0;
}

/* The directory, made with its parents where it is missing. */
static int open_dir(struct chroot_files *f, const char *path)
{
	int fd = root_open(f->root, *path ? path : "/", O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *up = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	const char *name = slash ? slash + 1 : path;
	AUTO_FD int parent = open_dir(f, up);
	struct stat before;
	if (parent < 0 || fstat(parent, &before) < 0 || mkdirat(parent, name, 0755) < 0 ||
		note_made(f, parent, name, &before) < 0)
		return -1;
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A file of the image gets other content for a while. */
static int replace(struct chroot_files *f, int fd, const void *data, size_t len)
{
	struct stat st;
	struct err ignored = ERR_INIT;
	AUTO_FD int file = fd;
	if (fstat(file, &st) < 0)
		return -1;
	if (st.st_size > (off_t)OLD_MAX)
		return 0;
	AUTO_FREE char *old = NULL;
	size_t n;
	char self[64];
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", file);
	if (fs_read_file(AT_FDCWD, self, OLD_MAX + 1, &old, &n, &ignored) < 0 ||
		ftruncate(file, 0) < 0 || fs_write_all(file, data, len) < 0)
		return -1;
	struct placed *p = add(f);
	p->file = take_fd(&file);
	p->old = take(old);
	p->old_len = n;
	p->now = xmemdup(data, len);
	p->now_len = len;
	p->times[0] = st.st_atim;
	p->times[1] = st.st_mtim;
	return 0;
}

struct wanted {
	const char *path; /* absolute */
	const void *data;
	size_t len;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

static int place(struct chroot_files *f, const struct wanted *w, struct err *err)
{
	AUTO_FREE char *clean = xstrdup(w->path + strspn(w->path, "/"));
	char *slash = strrchr(clean, '/');
	const char *name = slash ? slash + 1 : clean;
	AUTO_FREE char *up = xstrndup(clean, slash ? (size_t)(slash - clean) : 0);
	struct stat st;
	if (root_stat(f->root, clean, &st) == 0 && !S_ISREG(st.st_mode))
		return 0; /* the image's, and not to be opened */
	int there = root_open(f->root, clean, O_RDWR | O_NONBLOCK | O_NOCTTY, 0);
	if (there >= 0) {
		if (replace(f, there, w->data, w->len) < 0)
			return err_sys(err, "cannot provide '%s'", w->path);
		return 0;
	}
	AUTO_FD int dir = open_dir(f, up);
	struct stat before;
	if (dir < 0 || fstat(dir, &before) < 0)
		return err_sys(err, "cannot provide '%s'", w->path);
	AUTO_FD int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return 0; /* a link to nothing, or something that cannot be written: the image's */
	if (fd < 0 || note_made(f, dir, name, &before) < 0 ||
		fs_write_all(fd, w->data, w->len) < 0 || owner_set(fd, w->uid, w->gid) < 0 ||
		fchmod(fd, w->mode & 07777) < 0)
		return err_sys(err, "cannot provide '%s'", w->path);
	return 0;
}

/* A device where that is allowed; else none, but for null a file that swallows what is written for
 * as long as the step runs. */
static int place_device(
	struct chroot_files *f, int dev, const char *name, unsigned major_nr, unsigned minor_nr)
{
	struct stat before, st;
	if (fstatat(dev, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (fstat(dev, &before) < 0)
		return -1;
	bool made = mknodat(dev, name, S_IFCHR | 0666, makedev(major_nr, minor_nr)) == 0;
	if (made) {
		AUTO_FD int fd = openat(dev, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		/* a mount without devices, a device cgroup; no terminal is no reason */
		if (fd < 0 && (errno == EPERM || errno == EACCES)) {
			made = false;
			if (unlinkat(dev, name, 0) < 0)
				return -1;
		}
	}
	/* an empty file in place of the others would lie about what it holds */
	if (!made && !streq(name, "null"))
		return 0;
	if (!made) {
		AUTO_FD int fd = openat(dev, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0)
			return -1;
	}
	if (note_made(f, dev, name, &before) < 0)
		return -1;
	return fchmodat(dev, name, 0666, 0);
}

static int place_devices(struct chroot_files *f, struct err *err)
{
	static const struct {
		const char *name;
		unsigned major_nr, minor_nr;
	} devices[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8},
		{"urandom", 1, 9}, {"tty", 5, 0}};
	/* these three stay in the image, as a sandbox with mounts leaves them */
	static const char *const dirs[] = {"proc", "sys", "dev"};
	AUTO_FD int dev = -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		mem_close_p(&dev);
		dev = -1;
		if (root_mkdir_p(f->root, dirs[i], 0755, 0, 0, &dev) < 0)
			return err_sys(err, "cannot make '/%s'", dirs[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		if (place_device(
			    f, dev, devices[i].name, devices[i].major_nr, devices[i].minor_nr) < 0)
			return err_sys(err, "cannot provide '/dev/%s'", devices[i].name);
	return 0;
}

static int place_all(struct chroot_files *f, const struct box *b, struct err *err)
{
	struct etc_file etc[ETC_FILES_MAX];
	size_t n;
	int r = etc_contents(b, etc, &n, err);
	if (r < 0)
		return r;
	r = place_devices(f, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct wanted w = {.path = etc[i].path,
			.data = buf_str(&etc[i].text),
			.len = etc[i].text.len,
			.mode = 0644};
		r = place(f, &w, err);
	}
	etc_contents_done(etc, n);
	for (size_t i = 0; r == 0 && i < b->spec->n_mounts; i++) {
		const struct run_mount *m = &b->spec->mounts[i];
		const struct wanted w = {.path = m->target,
			.data = m->data,
			.len = m->len,
			.mode = m->mode,
			.uid = m->uid,
			.gid = m->gid};
		r = place(f, &w, err);
	}
	return r;
}

static void note_null(struct chroot_files *f)
{
	f->null = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (f->null >= 0 && (fstat(f->null, &f->null_was) < 0 || !device_usual(f->null)))
		mem_close_p(&f->null);
}

/* Of a root that has none it can open, the workload has ours, and root can change what is ours. */
static void restore_null(const struct chroot_files *f)
{
	struct stat st;
	char path[32];
	if (f->null < 0 || fstat(f->null, &st) < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->null);
	if (st.st_uid != f->null_was.st_uid || st.st_gid != f->null_was.st_gid)
		(void)!chown(path, f->null_was.st_uid, f->null_was.st_gid);
	if (st.st_mode != f->null_was.st_mode)
		(void)chmod(path, f->null_was.st_mode & 07777);
}

int chroot_place(const struct box *b, struct chroot_files **ret, struct err *err)
{
	struct chroot_files *f = xcalloc(1, sizeof(*f));
	f->root = b->root;
	note_null(f);
	int r = place_all(f, b, err);
	if (r < 0) {
		chroot_take_back(f);
		return r;
	}
	*ret = f;
	return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static void restore(const struct placed *p)
{
	AUTO_FREE char *is = xmalloc(p->now_len + 1);
	/* the step has written something of its own: that counts */
	ssize_t n = pread(p->file, is, p->now_len + 1, 0);
	if (n < 0 || (size_t)n != p->now_len || memcmp(is, p->now, p->now_len) != 0)
		return;
	if (lseek(p->file, 0, SEEK_SET) < 0 || ftruncate(p->file, 0) < 0 ||
		fs_write_all(p->file, p->old, p->old_len) < 0)
		return;
	(void)futimens(p->file, p->times);
}

static void remove_made(const struct placed *p)
{
	struct stat st, parent;
	if (fstatat(p->parent, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != p->dev ||
		st.st_ino != p->ino)
		return;
	bool quiet = fstat(p->parent, &parent) == 0 && same_time(&parent.st_mtim, &p->after);
	if (unlinkat(p->parent, p->name, p->is_dir ? AT_REMOVEDIR : 0) < 0 || !quiet)
		return;
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, p->before};
	(void)futimens(p->parent, times);
}

void chroot_take_back(struct chroot_files *f)
{
	if (!f)
		return;
	restore_null(f);
	mem_close_p(&f->null);
	for (size_t i = f->n; i-- > 0;) {
		struct placed *p = &f->p[i];
		if (p->file >= 0)
			restore(p);
		else
			remove_made(p);
		mem_close_p(&p->file);
		mem_close_p(&p->parent);
		free(p->name);
		free(p->old);
		free(p->now);
	}
	free(f->p);
	free(f);
}
