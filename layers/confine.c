/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The box in which foreign archives are unpacked. In order: what must be loaded from the host is
 * loaded; the directory is cloned as a mount while it can still be named; then a mount namespace of
 * our own, the clone becomes its root and everything else is unmounted; descriptors, capabilities,
 * limits, system calls.
 */
#include "base/err.h"
#include "base/fs.h"
#include "base/job.h"
#include "base/kernel.h"
#include "base/landlock.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/proc.h"
#include "layers/apply.h"
#include "layers/tar_read.h"
#include "layers/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEEP_MAX 16
#define NOFILE_MAX 256

/* What must be known before the host is out of reach. libarchive converts names with iconv, which
 * would read its module list from the root that is unpacked into. Opened once, the host's list
 * stays in memory. */
static void preload(void)
{
	iconv_t c = iconv_open("ANSI_X3.4-1968", "UTF-8");
	if (c != (iconv_t)-1)
		iconv_close(c);
	(void)owner_is_kept(); /* /proc tells, once */
}

static int enter_root(int dir, struct err *err)
{
	/* before unshare: the directory belongs to the mounts of the namespace that we leave */
	AUTO_FD int tree = (int)syscall(
		SYS_open_tree, dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	/* EINVAL: a directory of a detached mount, which kernels before 6.15 do not clone; EPERM: a
	 * user namespace without a mount namespace of its own; ENOSYS: the filter of a container
	 * around us. chroot does for those, and in a plain chroot: no descriptor from outside
	 * survives below. */
	if (tree < 0 && errno != EINVAL && errno != EPERM && errno != ENOSYS)
		return err_sys(
			err, "cannot confine the unpacking: cannot clone the directory's mount");
	if (tree < 0 || !fs_root_is_mount()) {
		if (fchdir(dir) < 0 || chroot(".") < 0 || chdir("/") < 0)
			return err_sys(err, "cannot confine the unpacking: cannot change the root");
		return 0;
	}
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, "cannot confine the unpacking: cannot make a mount namespace");
	/* nothing of what follows may reach other namespaces */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, "cannot confine the unpacking: cannot make mounts private");
	/* on top of the root, then under it: pivot_root(".", ".") stacks the old root on the new
	 * one, from where it is unmounted. A clone is as shared as what it was made of, where
	 * nothing can be stacked on. */
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
		fchdir(tree) < 0 || mount(NULL, ".", NULL, MS_PRIVATE, NULL) < 0 ||
		syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
		chdir("/") < 0) {
		if (errno == EINVAL)
			return err_set(err, ERR_UNSUPPORTED,
				"cannot confine the unpacking: cannot leave '/', which seems to be "
				"the initial RAM disk (switch_root to another file system first)");
		return err_sys(err, "cannot confine the unpacking: cannot change the root");
	}
	return 0;
}

/* Once more, for where the root was only changed by chroot. */
static int lock_files(struct err *err)
{
	AUTO_FD int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_sys(err, "cannot confine the unpacking: cannot open the root");
	return landlock_confine(top, LANDLOCK_READ | LANDLOCK_WRITE, err);
}

static int cmp_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int close_others(const int *keep, unsigned n_keep, struct err *err)
{
	int fds[KEEP_MAX + 2];
	unsigned n = 0;
	if (n_keep > KEEP_MAX)
		return err_set(err, ERR_LIMIT, "too many descriptors to keep");
	for (unsigned i = 0; i < n_keep; i++)
		if (keep[i] >= 0)
			fds[n++] = keep[i];
	if (job_result_fd() >= 0)
		fds[n++] = job_result_fd();
	qsort(fds, n, sizeof(*fds), cmp_fds);
	/* standard error stays, for what a sanitizer or an abort has to say */
	unsigned from = 0;
	for (unsigned i = 0; i <= n; i++) {
		unsigned to = i < n ? (unsigned)fds[i] : ~0u;
		if (from <= STDERR_FILENO && to > STDERR_FILENO) {
			if (from < STDERR_FILENO && proc_close_fds(from, STDERR_FILENO - 1) < 0)
				return err_sys(err, "cannot close descriptors");
			from = STDERR_FILENO + 1;
		}
		if (to > from && proc_close_fds(from, i < n ? to - 1 : ~0u) < 0)
			return err_sys(err, "cannot close descriptors");
		if (i < n && to + 1 > from)
			from = to + 1;
	}
	return 0;
}

/* Without userxattr (Linux 5.11), or where there is no user.* to keep it in, overlay reads
 * trusted.overlay.opaque, which takes CAP_SYS_ADMIN to write. */
static bool needs_trusted(int dir)
{
	return (dir >= 0 && !whiteout_user_xattrs(dir)) || !kernel_at_least("5.11");
}

static int drop_capabilities(bool trusted, struct err *err)
{
	uint64_t keep = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER |
	                1ull << CAP_FSETID | 1ull << CAP_MKNOD | 1ull << CAP_SETFCAP;
	if (trusted)
		keep |= 1ull << CAP_SYS_ADMIN;
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capget, &h, d) < 0)
		return err_sys(err, "cannot drop privileges");
	for (unsigned i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));
		d[i].permitted &= mask;
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	/* the bounding set needs CAP_SETPCAP, so before; nothing is executed any more, it is one
	 * more lock on the same door */
	for (int cap = 0; cap < 64; cap++)
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
			errno == EINVAL)
			break;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &h, d) < 0)
		return err_sys(err, "cannot drop privileges");
	return 0;
}

/* What reading, hashing, decompressing and making files takes, of glibc and musl on every
 * architecture; the rest is EPERM. */
static const char *const allowed_calls[] = {
	/* bytes */
	"read",
	"write",
	"readv",
	"writev",
	"pread64",
	"pwrite64",
	"lseek",
	"_llseek",
	"close",
	"fcntl",
	"fcntl64",
	"dup",
	"ftruncate",
	"ftruncate64",
	"fallocate",
	"copy_file_range",
	"splice",
	"poll",
	"ppoll",
	/* files */
	"open",
	"openat",
	"openat2",
	"creat",
	"fstat",
	"fstat64",
	"newfstatat",
	"fstatat64",
	"stat",
	"lstat",
	"statx",
	"fstatfs",
	"fstatfs64",
	"mkdir",
	"mkdirat",
	"mknod",
	"mknodat",
	"symlink",
	"symlinkat",
	"link",
	"linkat",
	"unlink",
	"unlinkat",
	"rmdir",
	"renameat",
	"renameat2",
	"readlink",
	"readlinkat",
	"fchmod",
	"fchmodat",
	"chmod",
	"fchown",
	"fchown32",
	"fchownat",
	"lchown",
	"utimensat",
	"utimensat_time64",
	"futimesat",
	"fsetxattr",
	"fgetxattr",
	"flistxattr",
	"fremovexattr",
	"lsetxattr",
	"lgetxattr",
	"llistxattr",
	"getdents",
	"getdents64",
	"umask",
	"fchdir",
	"chdir",
	"getcwd",
	"fsync",
	"fdatasync",
	/* memory, time, end */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	"clock_gettime",
	"clock_gettime64",
	"gettimeofday",
	"time",
	"getrandom",
	"getpid",
	"gettid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"futex",
	"sched_yield",
	"sigaltstack",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"restart_syscall",
	"set_robust_list",
	"rseq",
	"membarrier",
	"prlimit64",
	"sysinfo",
	"uname",
	"exit",
	"exit_group",
	"tgkill",
};

static int filter_calls(struct err *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!f)
		return err_set(err, ERR_SYS, "cannot make a system call filter");
	int bad = 0;
	for (size_t i = 0; i < ARRAY_LEN(allowed_calls) && !bad; i++) {
		int nr = seccomp_syscall_resolve_name(allowed_calls[i]);
		if (nr == __NR_SCMP_ERROR || nr < 0) /* negative: not on this architecture */
			continue;
		bad = seccomp_rule_add_exact(f, SCMP_ACT_ALLOW, nr, 0);
	}
	/* memory, but never new code: no library can be loaded any more */
	const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	static const char *const mapping[] = {"mmap", "mmap2", "mprotect"};
	for (size_t i = 0; i < ARRAY_LEN(mapping) && !bad; i++) {
		int nr = seccomp_syscall_resolve_name(mapping[i]);
		if (nr >= 0)
			bad = seccomp_rule_add_exact(f, SCMP_ACT_ALLOW, nr, 1, no_exec);
	}
	if (!bad)
		bad = seccomp_load(f);
	seccomp_release(f);
	if (bad)
		return err_set(
			err, ERR_SYS, "cannot load a system call filter: %s", strerror(-bad));
	return 0;
}

static void limit_resources(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max > NOFILE_MAX) {
		r.rlim_cur = r.rlim_max = NOFILE_MAX;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	r.rlim_cur = r.rlim_max = 0;
	(void)setrlimit(RLIMIT_CORE, &r);
}

int layer_confine(int dir, const int *keep, unsigned n_keep, struct err *err)
{
	if (tar_read_prepare(err) < 0)
		return err->code;
	preload();
	bool trusted = needs_trusted(dir);
	if (dir >= 0 && (enter_root(dir, err) < 0 || lock_files(err) < 0))
		return err->code;
	if (close_others(keep, n_keep, err) < 0)
		return err->code;
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	limit_resources();
	if (drop_capabilities(trusted, err) < 0)
		return err->code;
	return filter_calls(err);
}
