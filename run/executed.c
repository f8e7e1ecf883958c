/* SPDX-License-Identifier: Apache-2.0 */
#include "run/executed.h"

#include "base/mem.h"
#include "base/proc.h"
#include "run/lsm.h"
#include "run/sandbox_internal.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stat own;

bool executed_allowed(const struct run_spec *s)
{
	return !s->chroot && !s->selinux && (!s->apparmor || lsm_is_unconfined());
}

static bool is_wanted(const struct box *b)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {0};
	return b->looks && syscall(SYS_capget, &head, caps) == 0 &&
	       caps[0].effective & 1U << CAP_SYS_PTRACE;
}

void executed_stop(const struct box *b)
{
	if (is_wanted(b))
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

int executed_open(const struct box *b, int proc, pid_t pid)
{
	char path[16];
	if (proc < 0 || !is_wanted(b) || fstatat(proc, "self/exe", &own, 0) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%d", proc_number(proc, pid));
	return openat(proc, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* It cannot go on. As the PID 1 that it may be, and traced, it would not end by it, and the system
 * call that a filter traps would look as if it had been made. */
static bool is_fault(int sig)
{
	return sig == SIGSYS || sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE;
}

bool executed_look(int *process, pid_t pid, int how)
{
	struct stat st;
	if (is_fault(WSTOPSIG(how))) {
		(void)kill(pid, SIGKILL);
		return true;
	}
	if (WSTOPSIG(how) != SIGTRAP) {
		/* a signal that came before */
		(void)ptrace(PTRACE_CONT, pid, NULL, (void *)(uintptr_t)WSTOPSIG(how));
		return true;
	}
	AUTO_FD int fd = take_fd(process);
	if (fd >= 0 && fstatat(fd, "exe", &st, 0) == 0 && st.st_ino == own.st_ino &&
		st.st_dev == own.st_dev)
		return false;
	mem_close_p(&fd); /* init has nothing open that it does not need */
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return true;
}
