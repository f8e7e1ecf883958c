/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach [PID [NAME]]: run in a sandbox, tries what leads out of one or touches the kernel that all
 * share, and prints a line for each thing that succeeds, and "done". PID: of somebody outside, whom
 * nothing is to happen to either; NAME: of an abstract socket outside. Static, so that it runs in
 * any image. What a user namespace allows in itself, and the containers' default filter allows too,
 * is not counted. "reach keyring [COMMAND...]" prints which session keyring there is. "reach shm
 * BYTES" fills a segment of shared memory of System V and leaves it there.
 * "reach input" tries no more than the mode of standard input, "reach input MODE" sets it, "reach
 * owner FILE" tries no more than to set and to see the owner of a file outside, by the root of each
 * process that is seen, by what is above /proc and by a link that changes meanwhile, and to have
 * what it is told written where it could not write; in the working directory it makes files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

static void reached(const char *what, bool it_is)
{
	if (it_is)
		printf("REACHED %s\n", what);
}

/* A system call that must not succeed, nor fail only for its bad arguments. */
static void forbidden(const char *what, long r)
{
	reached(what, r >= 0 || (errno != EPERM && errno != ENOSYS && errno != EACCES));
}

#define CALL(name, ...) forbidden(#name, syscall(SYS_##name, ##__VA_ARGS__))

static void descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	char target[512];
	for (struct dirent *e; dir && (e = readdir(dir));) {
		int fd = atoi(e->d_name);
		ssize_t n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
		if (n < 0 || fd <= 2 || fd == dirfd(dir))
			continue;
		target[n] = '\0';
		printf("REACHED descriptor %d: %s\n", fd, target);
	}
	if (dir)
		closedir(dir);
}

/* Its mode is set to what it is, or to another; that of one in the root is its own. */
static int input(const char *mode)
{
	struct stat st, root;
	if (mode)
		return fchmod(STDIN_FILENO, (mode_t)strtoul(mode, NULL, 8)) < 0;
	reached("the mode of a device on standard input",
		fstat(STDIN_FILENO, &st) == 0 && S_ISCHR(st.st_mode) && stat("/", &root) == 0 &&
			st.st_dev != root.st_dev && fchmod(STDIN_FILENO, st.st_mode & 07777) == 0);
	puts("done");
	return 0;
}

static void mounts(void)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	CALL(open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE);
	CALL(fsopen, "tmpfs", 0);
	CALL(fspick, AT_FDCWD, "/", 0);
	CALL(fsmount, 0, 0, 0);
	CALL(move_mount, AT_FDCWD, "/dev", AT_FDCWD, "/proc", 0);
	CALL(mount_setattr, AT_FDCWD, "/", 0, &attr, sizeof(attr));
	CALL(mount, "none", "/dev", "tmpfs", 0, NULL);
	CALL(umount2, "/", MNT_DETACH);
	CALL(pivot_root, "/", "/");
	CALL(unshare, CLONE_NEWNS);
	CALL(unshare, CLONE_NEWCGROUP);
	CALL(unshare, CLONE_NEWNET);
}

/* In a user namespace all capabilities are there again, over what that namespace owns. */
static void users(void)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return;
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
	if (unshare(CLONE_NEWNS) < 0)
		return;
	reached("what is hidden", umount2("/proc/keys", MNT_DETACH) == 0 ||
					  umount2("/proc/acpi", MNT_DETACH) == 0 ||
					  umount2("/sys/firmware", MNT_DETACH) == 0);
	reached("what is read-only", umount2("/proc/sys", MNT_DETACH) == 0 ||
					     syscall(SYS_mount_setattr, AT_FDCWD, "/proc/sys", 0,
						     &attr, sizeof(attr)) == 0);
	reached("another /proc", mount("proc", "/mnt", "proc", 0, NULL) == 0);
	reached("another /sys", mount("sysfs", "/mnt", "sysfs", 0, NULL) == 0);
}

/* Somebody outside whose user we may be. */
static void somebody(pid_t pid)
{
	/* one without effect, and not of a core, which the filter says is set */
	const struct rlimit none = {0, 0};
	char path[64];
	reached("a limit of somebody", prlimit(pid, RLIMIT_LOCKS, &none, NULL) == 0);
	const struct sched_param batch = {0};
	unsigned long first = 1;
	reached("the processors of somebody",
		syscall(SYS_sched_setaffinity, pid, sizeof(first), &first) == 0);
	reached("the scheduler of somebody", sched_setscheduler(pid, SCHED_BATCH, &batch) == 0);
	reached("the priority of somebody", setpriority(PRIO_PROCESS, (id_t)pid, 19) == 0 ||
						    setpriority(PRIO_PGRP, (id_t)pid, 19) == 0);
	reached("the priority of a user", setpriority(PRIO_USER, 0, 19) == 0);
	reached("the turn of somebody at the disk",
		syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid,
			IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)) == 0 ||
			syscall(SYS_ioprio_set, IOPRIO_WHO_USER, 0,
				IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)) == 0);
	reached("the end of somebody", kill(pid, SIGKILL) == 0);
	long traced = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
	if (traced >= 0 || errno != ESRCH) /* whom we do not even see */
		forbidden("ptrace of somebody", traced);
	for (const char *const *name = (const char *const[]){"oom_score_adj", "clear_refs",
		     "root/etc", "mem", "environ", "fd/0", "coredump_filter", NULL};
		*name; name++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, *name);
		reached(path, open(path, strchr(*name, '_') ? O_WRONLY : O_RDONLY) >= 0);
	}
}

static void others(void)
{
	static const char *const files[] = {"/proc/1/mem", "/proc/1/environ", "/proc/1/maps",
		"/proc/1/root/etc", "/proc/1/cwd/etc", "/proc/1/fd/0", "/proc/1/auxv"};
	/* the first process is mica's init; as PID 1 we have nobody to look at */
	for (size_t i = 0; i < sizeof(files) / sizeof(*files) && getpid() != 1; i++)
		reached(files[i], open(files[i], O_RDONLY | O_NONBLOCK) >= 0);
	if (getpid() != 1) {
		char bytes[8];
		struct {
			void *base;
			size_t len;
		} here = {bytes, sizeof(bytes)}, there = {(void *)0x400000, sizeof(bytes)};
		forbidden("ptrace of init", ptrace(PTRACE_SEIZE, 1, NULL, NULL));
		CALL(process_vm_readv, 1, &here, 1, &there, 1, 0);
		CALL(kcmp, getpid(), 1, 0, 0, 0);
		long pidfd = syscall(SYS_pidfd_open, 1, 0);
		if (pidfd >= 0)
			CALL(pidfd_getfd, pidfd, 0, 0);
	}
	for (const char *const *ns = (const char *const[]){"mnt", "user", "pid", "net", "cgroup",
		     "ipc", "uts", "time", NULL};
		*ns; ns++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/1/ns/%s", *ns);
		int fd = getpid() == 1 ? -1 : open(path, O_RDONLY);
		reached(path, fd >= 0 && setns(fd, 0) == 0);
	}
	int own = open("/proc/self/ns/pid", O_RDONLY);
	int up = own < 0 ? -1 : ioctl(own, NS_GET_PARENT);
	reached("the pid namespace outside", up >= 0);
	own = open("/proc/self/ns/mnt", O_RDONLY);
	up = own < 0 ? -1 : ioctl(own, NS_GET_USERNS);
	reached("the user namespace of the mounts", up >= 0 && setns(up, CLONE_NEWUSER) == 0);
}

static void terminal(void)
{
	char c = 'x';
	struct {
		char subcode;
		char rest[16];
	} paste = {.subcode = 3};
	for (int fd = 0; fd < 3; fd++) {
		reached("TIOCSTI", ioctl(fd, TIOCSTI, &c) == 0);
		reached("TIOCLINUX", ioctl(fd, TIOCLINUX, &paste) == 0);
	}
	/* one that is not of the sandbox's own /dev/pts */
	struct stat st, dev;
	int tty = open("/dev/tty", O_RDWR | O_NONBLOCK);
	if (tty >= 0)
		reached("a terminal of somebody else",
			fstat(tty, &st) == 0 && stat("/dev/pts", &dev) == 0 && !isatty(0));
}

static void kernel(void)
{
	struct timex tx = {.modes = ADJ_OFFSET};
	struct timespec ts = {0};
	char handle[sizeof(struct file_handle) + 128] = {0};
	CALL(keyctl, 0, -3, 0);
	CALL(add_key, "user", "a", "b", 1, -4);
	CALL(request_key, "user", "a", NULL, 0);
	CALL(io_uring_setup, 1, NULL);
	CALL(userfaultfd, 0);
	CALL(bpf, 0, NULL, 0);
	CALL(perf_event_open, NULL, 0, -1, -1, 0);
	CALL(open_by_handle_at, AT_FDCWD, handle, O_RDONLY);
	CALL(fanotify_init, 0, O_RDONLY);
	CALL(init_module, NULL, 0, "");
	CALL(finit_module, 0, "", 0);
	CALL(delete_module, "none", O_NONBLOCK);
	CALL(kexec_load, 0, 0, NULL, 0);
	CALL(reboot, 0xfee1dead, 672274793, 0, NULL);
	CALL(swapon, "/", 0);
	CALL(acct, "/none");
	CALL(quotactl, 0, NULL, 0, NULL);
	CALL(syslog, 3, handle, 1);
	CALL(iopl, 3);
	CALL(ioperm, 0, 1, 1);
	CALL(clock_settime, 0, &ts);
	CALL(adjtimex, &tx);
	CALL(setdomainname, "x", 1);
	CALL(vhangup);
	CALL(nfsservctl, 0, NULL, NULL);
	CALL(lookup_dcookie, 0, NULL, 0);
	CALL(personality, 0x0040000); /* ADDR_NO_RANDOMIZE */
}

static void sockets(void)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} kinds[] = {{"AF_ALG", AF_ALG, SOCK_SEQPACKET, 0}, {"AF_VSOCK", AF_VSOCK, SOCK_STREAM, 0},
		{"AF_KEY", 15, SOCK_RAW, 2}, {"AF_BLUETOOTH", 31, SOCK_RAW, 1},
		{"the audit log", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		reached(kinds[i].name, socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC,
					       kinds[i].protocol) >= 0);
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = 0};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	reached("an interface", s >= 0 && ioctl(s, SIOCSIFFLAGS, &up) == 0);
}

static void abstract(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t n = strlen(name) < sizeof(a.sun_path) - 1 ? strlen(name) : 0;
	memcpy(a.sun_path + 1, name, n);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	reached("an abstract socket",
		s >= 0 &&
			connect(s, (struct sockaddr *)&a,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) == 0);
}

static void files(void)
{
	static const char *const written[] = {"/proc/sys/kernel/core_pattern",
		"/proc/sys/fs/binfmt_misc/register", "/proc/sys/vm/panic_on_oom",
		"/proc/sys/kernel/yama/ptrace_scope", "/proc/sys/net/ipv4/ip_forward",
		"/proc/irq/default_smp_affinity", "/proc/bus/pci/00/00.0",
		"/proc/self/attr/current", "/sys/kernel/mm/transparent_hugepage/enabled",
		"/sys/kernel/uevent_helper", "/sys/power/state", "/sys/fs/cgroup/cgroup.procs"};
	for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++)
		if (getpid() != 1 || !strstr(written[i], "/1/"))
			reached(written[i], open(written[i], O_WRONLY | O_NONBLOCK) >= 0 &&
						    !strstr(written[i], "/self/attr"));
	int f = open("/reach.tmp", O_RDWR | O_CREAT, 0755);
	long flags = FS_IMMUTABLE_FL;
	reached("an immutable file", f >= 0 && ioctl(f, FS_IOC_SETFLAGS, &flags) == 0);
	reached("an attribute of overlay",
		f >= 0 && fsetxattr(f, "trusted.overlay.redirect", "/etc", 4, 0) == 0);
	(void)unlink("/reach.tmp");
}

/* With a command: in a session keyring of its own. */
static int keyring(char **command)
{
	if (*command && syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		return 1;
	printf("%ld\n", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	return *command && execvp(*command, command) < 0;
}

static int shm(size_t size)
{
	int id = shmget(4711, size, IPC_CREAT | IPC_EXCL | 0600);
	char *at = id < 0 ? (char *)-1 : shmat(id, NULL, 0);
	if (at == (char *)-1) {
		perror("shm");
		return 1;
	}
	memset(at, 'x', size);
	puts("filled");
	return 0;
}

/* Where somebody answers for the kernel paths are resolved by that one. */
static void owned(const char *path)
{
	struct stat st;
	struct statx stx;
	reached(path, chown(path, 5, 5) == 0);
	reached(path, lchown(path, 5, 5) == 0);
	reached(path, lstat(path, &st) == 0);
	reached(path, fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0);
	reached(path, statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &stx) == 0);
}

/* One name that is now a file here and now what leads to file, while its owner is asked for. */
static void changing(const char *file)
{
	struct stat st;
	struct statx stx;
	char up[1024];
	snprintf(up, sizeof(up), "../../../../../../../proc/self/root/../../../..%s", file);
	pid_t pid = mkdir("here", 0700) < 0 || mkdir("there", 0700) < 0 ||
	                            close(open("here/f", O_CREAT | O_WRONLY, 0600)) < 0 ||
	                            chown("here/f", 7, 8) < 0 || symlink(up, "there/f") < 0 ||
	                            symlink("/proc/1/root", "lead") < 0
	                    ? -1
	                    : fork();
	reached("no files of its own", pid < 0);
	while (pid == 0)
		(void)renameat2(AT_FDCWD, "here", AT_FDCWD, "there", RENAME_EXCHANGE);
	for (int i = 0; i < 300; i++) {
		reached("it, by a link that changes",
			statx(AT_FDCWD, "here/f", 0, STATX_BASIC_STATS, &stx) == 0 &&
				stx.stx_uid == 6);
		reached("it, by another",
			fstatat(AT_FDCWD, "here/f", &st, 0) == 0 && st.st_uid == 6);
	}
	snprintf(up, sizeof(up), "lead%s", file);
	owned(up);
	if (pid > 0)
		kill(pid, SIGKILL);
}

/* What is asked for a file whose owner is told of goes nowhere that we could not write. */
static void unwritable(void)
{
	struct stat *st = mmap(NULL, sizeof(*st), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reached("no file of its own, or no memory",
		st == MAP_FAILED || close(open("told", O_CREAT | O_WRONLY, 0600)) < 0 ||
			chown("told", 7, 8) < 0);
	reached("memory that is only read",
		fstatat(AT_FDCWD, "told", st, AT_SYMLINK_NOFOLLOW) == 0 || errno != EFAULT ||
			st->st_uid == 7);
}

static int owner(const char *file)
{
	char path[1024];
	DIR *dir = opendir("/proc");
	(void)chdir("/");
	static const char *const up[] = {"..", "task/../..", "ns/../..", "fdinfo/../.."};
	for (size_t i = 0; i < sizeof(up) / sizeof(*up); i++) {
		snprintf(path, sizeof(path), "/proc/self/%s/..%s", up[i], file);
		owned(path);
	}
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (atoi(e->d_name) <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/root%s", e->d_name, file);
		(void)unlink("/reach.link");
		int made = symlink(path, "/reach.link");
		owned(path);
		reached("it, by a link",
			made == 0 && chown("/proc/self/cwd/reach.link", 5, 5) == 0);
		snprintf(path, sizeof(path), "/proc/self/../%s/root%s", e->d_name, file);
		owned(path);
	}
	changing(file);
	unwritable();
	puts("done");
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && strcmp(argv[1], "keyring") == 0)
		return keyring(argv + 2);
	if (argc > 2 && strcmp(argv[1], "shm") == 0)
		return shm(strtoul(argv[2], NULL, 10));
	if (argc > 1 && strcmp(argv[1], "input") == 0)
		return input(argv[2]);
	if (argc > 2 && strcmp(argv[1], "owner") == 0)
		return owner(argv[2]);
	descriptors();
	if (argc > 1)
		somebody(atoi(argv[1]));
	if (argc > 2)
		abstract(argv[2]);
	others();
	terminal();
	kernel();
	sockets();
	files();
	mounts();
	users();
	puts("done");
	return 0;
}
