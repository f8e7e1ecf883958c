/* SPDX-License-Identifier: Apache-2.0 */
#include "run/userns.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/strv.h"
#include "run/mode.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUBID_FILE_MAX (4 * MIB)
#define RANGES_MAX 32 /* newuidmap takes up to 340 lines; nobody has more than a few ranges */

struct ranges {
	struct {
		uint64_t start, count;
	} r[RANGES_MAX];
	size_t n;
};

static bool rootless;

static uid_t caller_uid;
static gid_t caller_gid;

void userns_caller(uid_t *ret_uid, gid_t *ret_gid)
{
	*ret_uid = caller_uid;
	*ret_gid = caller_gid;
}

bool userns_is_rootless(void)
{
	return rootless;
}

/* Root in a container may lack what the sandbox needs. */
static uint64_t effective_caps(void)
{
	struct err ignored = ERR_INIT;
	AUTO_FREE char *text = NULL;
	size_t n;
	if (fs_read_file(AT_FDCWD, "/proc/self/status", 64 * KIB, &text, &n, &ignored) < 0)
		return 0;
	const char *line = strstr(text, "\nCapEff:");
	return line ? strtoull(line + strlen("\nCapEff:"), NULL, 16) : 0;
}

/* subuid(5): name-or-number:start:count */
static int read_ranges(
	const char *file, const char *user, uid_t uid, struct ranges *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	char number[16];
	snprintf(number, sizeof(number), "%u", uid);
	int r = fs_read_file(AT_FDCWD, file, SUBID_FILE_MAX, &text, &len, err);
	if (r == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		AUTO_STRV struct strv f = STRV_INIT;
		strv_split(&f, *line, ':');
		uint64_t start, count;
		if (f.n != 3 || (!streq(f.v[0], user) && !streq(f.v[0], number)) ||
			!num_u64(f.v[1], UINT32_MAX - 1, &start) ||
			!num_u64(f.v[2], UINT32_MAX, &count) || count == 0 ||
			start + count > UINT32_MAX || ret->n == RANGES_MAX)
			continue;
		ret->r[ret->n].start = start;
		ret->r[ret->n].count = count;
		ret->n++;
	}
	return 0;
}

/* newuidmap PID 0 UID 1 1 START COUNT ... : we become 0, the ranges follow in order from 1 */
static int write_map(
	const char *helper, pid_t pid, unsigned self, const struct ranges *ranges, struct err *err)
{
	AUTO_FREE char *program = proc_find(helper);
	if (!program)
		return err_set(err, ERR_UNSUPPORTED,
			"rootless needs the program '%s', which is not installed (Debian: uidmap, "
			"Fedora: shadow-utils)",
			helper);
	AUTO_STRV struct strv argv = STRV_INIT;
	strv_add(&argv, helper);
	strv_addf(&argv, "%d", pid);
	strv_add(&argv, "0");
	strv_addf(&argv, "%u", self);
	strv_add(&argv, "1");
	uint64_t next = 1;
	for (size_t i = 0; i < ranges->n; i++) {
		strv_addf(&argv, "%llu", (unsigned long long)next);
		strv_addf(&argv, "%llu", (unsigned long long)ranges->r[i].start);
		strv_addf(&argv, "%llu", (unsigned long long)ranges->r[i].count);
		next += ranges->r[i].count;
	}
	const struct proc_opts opts = {.in = -1, .out = -1, .errfd = STDERR_FILENO, .keep_fd = -1};
	pid_t child;
	int status;
	int r = proc_spawn(program, (const char *const *)strv_argv(&argv), &opts, &child, err);
	if (r < 0)
		return r;
	if (proc_wait(child, &status) < 0)
		return err_sys(err, "cannot wait for '%s'", helper);
	if (proc_status(status) != 0)
		return err_set(err, ERR_UNSUPPORTED,
			"'%s' refused the ranges of /etc/sub%s (is it setuid root?)", helper,
			streq(helper, "newuidmap") ? "uid" : "gid");
	return 0;
}

/* Of root in a container, who may map everybody that there is. uid_map: inside, outside, count. */
static int read_own_map(const char *file, struct ranges *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = fs_read_file(AT_FDCWD, file, SUBID_FILE_MAX, &text, &len, err);
	for (char *p = text; r == 0 && *p && ret->n < RANGES_MAX;) {
		ret->r[ret->n].start = strtoull(p, &p, 10);
		(void)strtoull(p, &p, 10);
		ret->r[ret->n].count = strtoull(p, &p, 10);
		/* one less than everybody: the initial namespace is told by its map (base/idmap.h),
		 * and nobody is the last one */
		if (ret->r[ret->n].count == UINT32_MAX)
			ret->r[ret->n].count--;
		ret->n += ret->r[ret->n].count > 0;
		p += strspn(p, "\n ");
	}
	return r;
}

static int own_ranges(struct ranges *uids, struct ranges *gids, struct err *err)
{
	int r = read_own_map("/proc/self/uid_map", uids, err);
	return r < 0 ? r : read_own_map("/proc/self/gid_map", gids, err);
}

static int copy_map(pid_t pid, const char *file, const struct ranges *ranges)
{
	char path[64];
	AUTO_BUF struct buf text = BUF_INIT(64 * KIB);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	for (size_t i = 0; i < ranges->n; i++)
		buf_addf(&text, "%llu %llu %llu\n", (unsigned long long)ranges->r[i].start,
			(unsigned long long)ranges->r[i].start,
			(unsigned long long)ranges->r[i].count);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -1 : fs_write_all(fd, buf_str(&text), text.len);
}

static int copy_maps(
	pid_t pid, const struct ranges *uids, const struct ranges *gids, struct err *err)
{
	if (copy_map(pid, "uid_map", uids) < 0 || copy_map(pid, "gid_map", gids) < 0)
		return err_sys(err, "cannot map this container's users into a user namespace");
	return 0;
}

/* --- the original process: waits for the one in the namespace --- */

static volatile sig_atomic_t inner_pid;

/* A terminal sends its signals to the whole process group, the inner process included: only what
 * was sent to us alone goes on. */
static void forward(int sig, siginfo_t *info, void *context)
{
	(void)context;
	int saved = errno;
	if (inner_pid > 0 && info->si_code != SI_KERNEL)
		(void)kill((pid_t)inner_pid, sig);
	errno = saved;
}

/* Stops when the inner process stops and goes on when it goes on, ends as it ends. */
static _Noreturn void stand_by(pid_t pid)
{
	static const int signals[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};
	inner_pid = pid;
	struct sigaction action = {.sa_sigaction = forward, .sa_flags = SA_RESTART | SA_SIGINFO};
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)sigaction(signals[i], &action, NULL);
	int status;
	for (;;) {
		pid_t got = waitpid(pid, &status, WUNTRACED);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			_exit(125);
		if (!WIFSTOPPED(status))
			break;
		(void)raise(SIGSTOP);
	}
	if (WIFSIGNALED(status)) {
		/* die the same death, so that a shell sees it */
		(void)signal(WTERMSIG(status), SIG_DFL);
		sigset_t one;
		sigemptyset(&one);
		sigaddset(&one, WTERMSIG(status));
		(void)sigprocmask(SIG_UNBLOCK, &one, NULL);
		(void)raise(WTERMSIG(status));
	}
	_exit(proc_status(status));
}

/* --- entering --- */

/* Where who has all capabilities of a user namespace has none that act. */
static int powerless(struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED,
		"root of a user namespace may do nothing here (%s); see the sysctl "
		"kernel.apparmor_restrict_unprivileged_userns, or have AppArmor allow it to this "
		"program",
		err_text(errno, (char[ERR_TEXT_MAX]){0}));
}

/* In the user namespace. Mounts may be forbidden all the same, by AppArmor in a container or by a
 * filter: then a chroot is left. */
static int detach_mounts(enum mode mode, const char *reason, struct err *err)
{
	char why[ERR_TEXT_MAX + 64];
	/* umounts on the host reach us, ours do not reach the host */
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0) {
		mode_set(mode, reason);
		return 0;
	}
	(void)snprintf(why, sizeof(why), "mounts are not allowed here (%s)",
		err_text(errno, (char[ERR_TEXT_MAX]){0}));
	/* of a root that is ours already: changes nothing */
	if (chroot("/") < 0)
		return powerless(err);
	mode_set(MODE_CHROOT, why);
	return 0;
}

static int become_inner_root(pid_t outer, struct err *err)
{
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return powerless(err);
	if (detach_mounts(MODE_SUBIDS, "", err) < 0)
		return err->code;
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return err_sys(err, "cannot clear the supplementary groups");
	/* setresuid cleared them: files of /proc/self would belong to nobody */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	/* and the wish to die with the original process, which a change of credentials forgets */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != outer)
		_exit(125);
	return 0;
}

static int find_ranges(struct ranges *uids, struct ranges *gids, struct err *err)
{
	uid_t uid = getuid();
	const struct passwd *pw = getpwuid(uid);
	AUTO_FREE char *name = pw ? xstrdup(pw->pw_name) : xasprintf("%u", uid);
	int r = read_ranges("/etc/subuid", name, uid, uids, err);
	if (r == 0)
		r = read_ranges("/etc/subgid", name, uid, gids, err);
	if (r < 0)
		return r;
	if (uids->n == 0 || gids->n == 0)
		return err_set(err, ERR_UNSUPPORTED,
			"user '%s' has no subordinate IDs in /etc/sub%s; as root: usermod "
			"--add-subuids 100000-165535 "
			"--add-subgids 100000-165535 %s",
			name, uids->n == 0 ? "uid" : "gid", name);
	return 0;
}

static void unshare_error(struct err *err)
{
	int sys = errno;
	err_sys(err, "cannot create a user namespace");
	if (sys == EPERM || sys == ENOSPC || sys == EACCES)
		(void)err_set(err, ERR_UNSUPPORTED,
			"user namespaces are not allowed here (%s); see the sysctls "
			"user.max_user_namespaces, "
			"kernel.unprivileged_userns_clone and "
			"kernel.apparmor_restrict_unprivileged_userns",
			err_text(sys, (char[ERR_TEXT_MAX]){0}));
}

/*
 * Who forks: the child goes into the namespace, so that the original stays outside, where newuidmap
 * must be started by it. Two pipes order this: the child has unshared; the maps are written.
 */
static int enter_ranges(
	const struct ranges *uids, const struct ranges *gids, bool all, struct err *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r = 0;
	pid_t outer = getpid();
	int unshared[2], mapped[2];
	if (pipe2(unshared, O_CLOEXEC) < 0 || pipe2(mapped, O_CLOEXEC) < 0)
		return err_sys(err, "cannot create a pipe");
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(err, "cannot fork");
	if (pid == 0) {
		char go = 0;
		int sys = 0;
		close(unshared[0]);
		close(mapped[1]);
		if (unshare(CLONE_NEWUSER) < 0)
			sys = errno;
		/* The original reports; this one only ends. */
		if (write(unshared[1], &sys, sizeof(sys)) != sizeof(sys) || sys != 0 ||
			read(mapped[0], &go, 1) != 1)
			_exit(125);
		close(unshared[1]);
		close(mapped[0]);
		rootless = true;
		return become_inner_root(outer, err);
	}

	int sys = 0;
	close(unshared[1]);
	close(mapped[0]);
	ssize_t n = read(unshared[0], &sys, sizeof(sys));
	close(unshared[0]);
	if (n != sizeof(sys) || sys != 0) {
		errno = n == sizeof(sys) ? sys : EPIPE;
		unshare_error(err);
		r = err->code;
	}
	if (r == 0 && all)
		r = copy_maps(pid, uids, gids, err);
	if (r == 0 && !all)
		r = write_map("newuidmap", pid, uid, uids, err);
	if (r == 0 && !all)
		r = write_map("newgidmap", pid, gid, gids, err);
	if (r < 0) {
		close(mapped[1]); /* the child ends */
		(void)proc_wait(pid, &sys);
		return r;
	}
	/* if this fails, then because the child is gone: its end is ours */
	if (write(mapped[1], "g", 1) != 1)
		log_debug("cannot start in the user namespace: %s", strerror(errno));
	close(mapped[1]);
	stand_by(pid);
}

static int write_line(const char *path, const char *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -1 : fs_write_all(fd, text, strlen(text));
}

/* A namespace with nobody but us needs no helper and no second process. reason: why it is this. */
static int enter_single(const char *reason, struct err *err)
{
	char uids[64], gids[64];
	(void)snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	(void)snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER) < 0) {
		unshare_error(err);
		return err->code;
	}
	rootless = true;
	/* else files of /proc/self would belong to nobody */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	/* who may not drop groups may map its own one (user_namespaces(7)) */
	if (write_line("/proc/self/setgroups", "deny") < 0 ||
		write_line("/proc/self/uid_map", uids) < 0 ||
		write_line("/proc/self/gid_map", gids) < 0) {
		/* since Linux 5.12 root is mapped by who could give files capabilities */
		if (errno == EPERM && str_has_prefix(uids, "0 0 "))
			return err_set(err, ERR_UNSUPPORTED,
				"root without capabilities cannot have a user namespace: give this "
				"container those that docker and containerd give by default, or be "
				"another user");
		return err_sys(err, "cannot map ourselves into a user namespace");
	}
	return detach_mounts(MODE_SINGLE, reason, err);
}

/* `unshare -r` leaves us in a user namespace where the mounts are those of the one above it. */
bool userns_has_mounts(void)
{
	AUTO_FD int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	AUTO_FD int owner = mounts < 0 ? -1 : ioctl(mounts, NS_GET_USERNS);

	return mounts < 0 || owner >= 0 || errno != EPERM;
}

/* Root who may mount: of the machine, or of a namespace that somebody else has made. */
static void stay_root(void)
{
	enum idmap map = idmap_own();
	rootless = map != IDMAP_ALL;
	if (map == IDMAP_ONE)
		mode_set(MODE_SINGLE, "the user namespace that this runs in has one user");
	else
		mode_set(map == IDMAP_ALL ? MODE_ROOT : MODE_SUBIDS, "");
}

int userns_enter(struct err *err)
{
	uint64_t caps = geteuid() == 0 ? effective_caps() : 0;
	struct ranges uids = {0}, gids = {0};
	struct err why = ERR_INIT;
	caller_uid = geteuid();
	caller_gid = getegid();
	if (caps & (1ULL << CAP_SYS_ADMIN)) {
		stay_root();
		if (!userns_has_mounts()) {
			AUTO_FREE char *reason = xstrdup(mode_reason());
			if (detach_mounts(mode_is(), reason, err) < 0)
				return err->code;
		}
		if (!fs_root_is_mount())
			mode_set(MODE_CHROOT, "the root directory is that of a plain chroot: "
					      "'mount --bind DIR DIR' "
					      "before the chroot makes it a mount of its own");
		return 0;
	}
	bool all = caps & (1ULL << CAP_SETUID) && caps & (1ULL << CAP_SETGID);
	int found = all ? own_ranges(&uids, &gids, &why) : find_ranges(&uids, &gids, &why);
	if (found == 0 && enter_ranges(&uids, &gids, all, &why) == 0)
		return 0;
	if (rootless) { /* in there already */
		*err = why;
		return why.code;
	}
	struct err denied = ERR_INIT;
	int r = enter_single(why.msg, &denied);
	if (r < 0 && !rootless && caps & (1ULL << CAP_SYS_CHROOT)) {
		rootless = idmap_own() != IDMAP_ALL;
		mode_set(MODE_CHROOT, denied.msg);
		return 0;
	}
	if (r < 0 && !rootless)
		return err_set(err, denied.code,
			"%s; in a container whose seccomp profile forbids them, be its root, with "
			"the capabilities that docker and containerd give by default",
			denied.msg);
	if (r < 0)
		*err = denied;
	return r;
}
