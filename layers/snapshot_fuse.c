/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot by the program fuse-overlayfs(1). The mount is made here, detached, and the program is
 * only handed its end of it (libfuse's /dev/fd/N): it ends when the last user of the mount does,
 * however that comes about. Until then it holds two locks on work/fuse.lock: ours, which it has
 * from the beginning (flock(2)), and one of its own, which tells who it is (fcntl_locking(2)).
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "layers/snapshot_internal.h"
#include "layers/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOCK "fuse.lock"
#define WAIT_MS 60000 /* a commit beside us may hold the mount for as long as it takes */
#define END_MS 1000 /* of those that have nothing mounted: they end at once */
#define OPTIONS_MAX (64 * KIB)

struct program {
	pid_t pid;
	dev_t dev; /* and inode: its work directory */
	ino_t ino;
	bool ended;
	int status; /* wait(2), then */
};

static struct {
	struct program *p; /* of this process; those of a parent are none of it */
	size_t n;
} programs;

static int configure(int fs, int dev)
{
	char number[16];
	(void)snprintf(number, sizeof(number), "%d", dev);
	const char *const values[][2] = {{"source", "fuse-overlayfs"}, {"fd", number},
		{"rootmode", "40000"}, {"user_id", "0"}, {"group_id", "0"}};
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, values[i][0], values[i][1], 0) < 0)
			return -1;
	if (fsconfig(fs, FSCONFIG_SET_FLAG, "default_permissions", NULL, 0) < 0 ||
		fsconfig(fs, FSCONFIG_SET_FLAG, "allow_other", NULL, 0) < 0)
		return -1;
	return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static void keep(int fd)
{
	(void)fcntl(fd, F_SETFD, 0);
}

/* In a child; only what it needs stays open. */
static _Noreturn void exec_program(
	const char *program, const struct snapshot *s, int work, int dev, int lock)
{
	AUTO_BUF struct buf o = BUF_INIT(OPTIONS_MAX);
	char mount_point[32];
	buf_addstr(&o, "lowerdir=");
	for (size_t i = 0; i < s->n_lower; i++) {
		keep(s->lower[i]);
		buf_addf(&o, "%s/proc/self/fd/%d", i ? ":" : "", s->lower[i]);
	}
	if (s->upper >= 0) {
		keep(s->upper);
		keep(work);
		buf_addf(&o, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d", s->upper, work);
	}
	keep(dev);
	if (lock >= 0) {
		struct flock own = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		keep(lock);
		(void)fcntl(lock, F_SETLK, &own);
	}
	(void)snprintf(mount_point, sizeof(mount_point), "/dev/fd/%d", dev);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (o.toobig || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(125);
	(void)setsid(); /* ^C is for the build */
	(void)clearenv();
	(void)execl(program, "fuse-overlayfs", "-f", "-o", o.data, mount_point, (char *)NULL);
	_exit(125);
}

/* How many are at work. Those that were killed are kept for who asks: what else they end with, when
 * a mount goes, means nothing. */
static size_t reap(void)
{
	size_t left = 0, running = 0;
	for (size_t i = 0; i < programs.n; i++) {
		struct program p = programs.p[i];
		if (!p.ended)
			p.ended = waitpid(p.pid, &p.status, WNOHANG) != 0;
		running += !p.ended;
		if (!p.ended || WIFSIGNALED(p.status))
			programs.p[left++] = p;
	}
	programs.n = left;
	return running;
}

static void a_little(void)
{
	const struct timespec t = {.tv_nsec = 1000000};
	(void)nanosleep(&t, NULL);
}

void snapshot_end(void)
{
	for (int ms = 0; reap() && ms < END_MS; ms++)
		a_little();
}

/* NULL: this process has none there. */
static struct program *program_of(const struct stat *st)
{
	for (size_t i = 0; i < programs.n; i++)
		if (programs.p[i].dev == st->st_dev && programs.p[i].ino == st->st_ino)
			return &programs.p[i];
	return NULL;
}

int snapshot_outlived(int work, struct err *err)
{
	struct program *p;
	struct stat st;
	if (fstat(work, &st) < 0)
		return err_sys(err, "cannot look at the directory of fuse-overlayfs");
	for (int ms = 0; reap(), (p = program_of(&st)) && !p->ended; ms++) {
		if (ms == END_MS)
			return 0; /* somebody else uses it still */
		a_little();
	}
	int status = p ? p->status : 0;
	if (!WIFSIGNALED(status))
		return 0;
	p->status = 0;
	return err_set(err, ERR_SYS,
		"fuse-overlayfs, which showed the root, was killed by SIG%s: what was done there "
		"is lost",
		sigabbrev_np(WTERMSIG(status)));
}

static int start(const char *program, const struct snapshot *s, int dev, struct err *err)
{
	AUTO_FD int work = -1, lock = -1;
	if (s->upper >= 0) {
		if (mkdirat(s->work, "fuse", 0700) < 0)
			return err_sys(err, "cannot make a directory for fuse-overlayfs");
		work = openat(s->work, "fuse", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (work < 0)
			return err_sys(err, "cannot open the directory for fuse-overlayfs");
		if (lock_file(s->work, LOCK, LOCK_EXCLUSIVE, false, &lock, err) < 0)
			return err->code;
	}
	struct stat st = {0};
	if (s->work >= 0 && fstat(s->work, &st) < 0)
		return err_sys(err, "cannot look at the directory for fuse-overlayfs");
	(void)reap();
	struct program *before = program_of(&st); /* in a directory that is gone */
	if (before)
		before->status = 0;
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(err, "cannot start fuse-overlayfs");
	if (pid == 0)
		exec_program(program, s, work, dev, lock);
	programs.p = xreallocarray(programs.p, programs.n + 1, sizeof(*programs.p));
	programs.p[programs.n++] = (struct program){.pid = pid, .dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

/* More than one name? dirfd is used up. */
static bool has_links(int dirfd)
{
	AUTO_FD int fd = dirfd;
	AUTO_WALK_LIST struct walk_list list = {0};
	struct err ignored = ERR_INIT;
	struct stat st;
	if (fd < 0 || walk_list_read(fd, "", &list, &ignored) < 0)
		return true;
	for (size_t i = 0; i < list.n; i++) {
		const struct walk_item *item = &list.items[i];
		if (item->type == DT_DIR
				? item->descend &&
					  has_links(openat(fd, item->name,
						  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
				: !item->whiteout &&
					  (fstatat(fd, item->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
						  st.st_nlink > 1))
			return true;
	}
	return false;
}

bool snapshot_fuse_mixes_up(const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_lower && s->upper >= 0; i++)
		if (has_links(openat(s->lower[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
			return true;
	return false;
}

int snapshot_fuse_mount(const struct snapshot *s, int *ret_fd, struct err *err)
{
	AUTO_FREE char *program = proc_find("fuse-overlayfs");
	if (!program)
		return err_set(err, ERR_UNSUPPORTED, "fuse-overlayfs is not installed");
	AUTO_FD int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return err_sys(err, "cannot open '/dev/fuse'");
	AUTO_FD int fs = fsopen("fuse", FSOPEN_CLOEXEC);
	if (fs < 0 || configure(fs, dev) < 0)
		return err_sys(err, "cannot make a fuse mount");
	AUTO_FD int fd = fsmount(
		fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | (s->upper < 0 ? MOUNT_ATTR_RDONLY : 0));
	if (fd < 0)
		return err_sys(err, "cannot mount fuse-overlayfs");
	if (start(program, s, dev, err) < 0)
		return err->code;
	/* with our end closed, the mount is dead when the program is, and so answers in any case */
	mem_close_p(&dev);
	AUTO_FD int root = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_set(err, ERR_UNSUPPORTED, "fuse-overlayfs does not work here");
	*ret_fd = take_fd(&fd);
	return 0;
}

/* 0 or less: nobody, or nobody whom we can see. */
static pid_t holder(int lock)
{
	struct flock any = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return fcntl(lock, F_GETLK, &any) == 0 && any.l_type != F_UNLCK ? any.l_pid : 0;
}

void snapshot_abandon(int work)
{
	AUTO_FD int lock = fs_open_plain(work, LOCK, O_RDONLY, 0);
	pid_t pid = lock < 0 ? 0 : holder(lock);
	AUTO_FD int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	/* who holds the lock after that is who the descriptor is of */
	if (fd >= 0 && holder(lock) == pid)
		(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

int snapshot_fuse_wait(int work, bool *ret_used, struct err *err)
{
	*ret_used = faccessat(work, LOCK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*ret_used)
		return 0;
	for (int ms = 0;; ms++) {
		AUTO_FD int lock = -1;
		int r = lock_file(work, LOCK, LOCK_EXCLUSIVE, false, &lock, err);
		if (r != ERR_BUSY)
			return r;
		err_clear(err);
		if (ms == WAIT_MS)
			return err_set(err, ERR_BUSY,
				"fuse-overlayfs does not end: somebody outside has a file of the "
				"command's root open, which a socket in a cache, a volume or the "
				"network has brought");
		if (proc_interrupted(err) < 0)
			return err->code;
		a_little();
	}
}
