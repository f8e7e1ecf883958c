/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workload without namespaces and mounts, for containers and pods that allow neither: chroot(2),
 * no_new_privs, Landlock, the seccomp filter, capabilities that lead nowhere out of a chroot, no
 * descriptor of ours. Its init stays outside, adopts every descendant (PR_SET_CHILD_SUBREAPER) and
 * ends them all when the workload ends, or when the caller does.
 *
 * What is missing: processes, network, host name, System V IPC and /proc are this machine's, or are
 * not there at all. So this is never chosen for being asked for: who asks for isolation 'chroot'
 * where there is more gets the sandbox, with the network of what is around it.
 */
#include "base/err.h"
#include "base/fs.h"
#include "base/landlock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/proc.h"
#include "run/cgroup.h"
#include "run/init.h"
#include "run/mode.h"
#include "run/mounts.h"
#include "run/report.h"
#include "run/sandbox.h"
#include "run/sandbox_internal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED 125
#define NO_MOUNTS "isolation 'chroot' has no mounts"

/* Those that are about the workload's own files and its own user. Of the others, most are about
 * this machine and what else runs on it, and with some one leaves a chroot. */
#define IN_HERE                                                                                    \
	(1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER | 1ULL << CAP_FSETID |  \
		1ULL << CAP_SETGID | 1ULL << CAP_SETUID | 1ULL << CAP_SETPCAP |                    \
		1ULL << CAP_SETFCAP | 1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_AUDIT_WRITE |     \
		1ULL << CAP_IPC_LOCK | 1ULL << CAP_LEASE)

uint64_t sandbox_chroot_caps(uint64_t caps)
{
	return caps & IN_HERE;
}

bool sandbox_is_bare(const struct run_spec *s)
{
	return s->chroot && mode_is() == MODE_CHROOT;
}

static int check_bare(const struct run_spec *s, struct err *err)
{
	if (s->insecure)
		return err_set(err, ERR_UNSUPPORTED,
			"isolation 'chroot' cannot run 'RUN --security=insecure': nothing else "
			"would be left between the command and this machine");
	if (s->mask.n)
		return err_set(
			err, ERR_UNSUPPORTED, NO_MOUNTS ", so nothing hides '%s'", s->mask.v[0]);
	if (s->unmask.n)
		return err_set(err, ERR_UNSUPPORTED,
			NO_MOUNTS ", so nothing is masked that 'unmask=%s' could show",
			s->unmask.v[0]);
	if (s->proc_options.n)
		return err_set(err, ERR_UNSUPPORTED, NO_MOUNTS ", so there is no /proc with '%s'",
			s->proc_options.v[0]);
	if (s->shm_size)
		return err_set(err, ERR_UNSUPPORTED,
			NO_MOUNTS ", so '--shm-size' would hold nothing: leave it out");
	for (size_t i = 0; i < s->n_mounts; i++)
		if (s->mounts[i].kind != RUN_MOUNT_FILE)
			return err_set(err, ERR_UNSUPPORTED,
				NO_MOUNTS ", so there is none on '%s'; of 'RUN --mount' it knows "
					  "'type=secret', and COPY brings files",
				s->mounts[i].target);
	return 0;
}

int sandbox_check_chroot(const struct run_spec *s, struct err *err)
{
	if (s->network == RUN_NETWORK_NONE)
		return err_set(err, ERR_UNSUPPORTED,
			"isolation 'chroot' cannot take the network away (cannot set --network "
			"other than host with --isolation chroot): leave out '--network=none'");
	if (s->net_fd >= 0)
		return err_set(err, ERR_UNSUPPORTED,
			"isolation 'chroot' has the network of what is around it, and joins none: "
			"leave out the path of '--network'");
	return sandbox_is_bare(s) ? check_bare(s, err) : 0;
}

static _Noreturn void watch(pid_t workload, struct watch *w)
{
	sigset_t all;
	sigfillset(&all);
	for (;;) {
		siginfo_t info;
		int how;
		pid_t pid;
		if (init_next_signal(w, &all, &info) < 0)
			continue;
		if (info.si_signo == ADOPT_END) {
			adopt_kill_all(w->proc);
			_exit(128 + SIGKILL);
		}
		if (info.si_signo != SIGCHLD) {
			(void)kill(workload, info.si_signo);
			continue;
		}
		while ((pid = init_next_end(w, workload, &how)) > 0) {
			if (pid != workload)
				continue;
			adopt_kill_all(w->proc);
			_exit(proc_status(how));
		}
	}
}

/* --- the way in --- */

static int open_terminal(struct box *b, struct err *err)
{
	AUTO_FD int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return err_sys(err, "cannot open a terminal");
	b->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (b->terminal < 0 || report_terminal(b->report, master) < 0)
		return err_sys(err, "cannot open a terminal");
	return 0;
}

/* The root's own where they could be made: the modes of those are the workload's to change. */
static int open_dev(const struct box *b)
{
	AUTO_FD int own = openat(b->root, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return own >= 0 && device_all(own) ? take_fd(&own)
	                                   : open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int prepare(struct box *b, struct err *err)
{
	struct pollfd p = {.fd = b->report, .events = 0};
	int r = init_protect(err);
	if (r < 0)
		return r;
	r = adopt_begin(err);
	if (r < 0)
		return r;
	if (poll(&p, 1, 0) < 0 || p.revents & POLLHUP)
		_exit(FAILED);
	r = cgroup_join(b->cgroup, err);
	if (r == 0)
		r = init_resolve_user(b, err);
	if (r == 0 && b->spec->tty)
		r = open_terminal(b, err);
	b->dev = open_dev(b);
	b->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return r == 0 ? init_collect_stdio(b, err) : r;
}

/* In the workload: nothing outside can be opened after this. */
static int enter(struct box *b, pid_t init, struct err *err)
{
	/* a killed init has killed nobody; it may be dead already */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, "cannot tie the workload to its init");
	if (getppid() != init)
		_exit(FAILED);
	if (exec_confine(b, err) < 0)
		return err->code;
	if (landlock_confine(b->root, LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_EXECUTE, err) < 0)
		return err->code;
	if (fchdir(b->root) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_sys(err, "cannot change the root");
	return rootfs_chdir(b, err);
}

/* What we answer for one user we do in the workload's root, which is never ours elsewhere. */
static int prepare_ids(struct box *b, struct watch *w, struct err *err)
{
	if (!b->one_user)
		return 0;
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return proc < 0 ? err_sys(err, "cannot open '/proc'")
	                : init_answer_ids(b, proc, false, w, err);
}

static int follow(const struct box *b, struct watch *w)
{
	w->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	init_receive_ids(b, w);
	return w->ids && (fchdir(b->root) < 0 || chroot(".") < 0) ? -1 : 0;
}

_Noreturn void chroot_main(struct box *b)
{
	struct err err = ERR_INIT;
	struct watch w = WATCH_INIT;
	pid_t pid = -1;
	pid_t init = getpid();
	init_forget_arguments();
	if (prepare(b, &err) == 0 && prepare_ids(b, &w, &err) == 0 && (pid = fork()) < 0)
		(void)err_sys(&err, "cannot start the workload");
	if (pid == 0) {
		if (enter(b, init, &err) == 0)
			exec_workload(b);
		(void)report_error(b->report, &err);
		_exit(FAILED);
	}
	if (pid < 0) {
		(void)report_error(b->report, &err);
		_exit(FAILED);
	}
	if (follow(b, &w) < 0)
		_exit(FAILED);
	init_close_all_but(&w);
	watch(pid, &w);
}
