/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine allows a sandbox, found out by doing it in a process of its own. */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "run/mode.h"
#include "run/mounts.h"
#include "run/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* 0, or the error's number, which an exit status has room for. */
static int in_a_child(int (*attempt)(void))
{
	int how;
	pid_t pid = fork();
	if (pid == 0)
		_exit(attempt());
	return pid < 0 || proc_wait(pid, &how) < 0 ? errno : proc_status(how);
}

static int mount_something(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno;
	AUTO_FD int mnt = mount_new("tmpfs", NULL, ATTR_QUIET);
	AUTO_FD int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return mnt < 0 || top < 0 || mount_attach(mnt, top, 0, false) < 0 ? errno : 0;
}

static int mount_proc(void)
{
	AUTO_FD int mnt = mount_new("proc", NULL, ATTR_QUIET);
	return mnt < 0 ? errno : 0;
}

/* It is of the pid namespace of who mounts it, and one is in none that one has made. */
static int try_proc(void)
{
	return unshare(CLONE_NEWPID) < 0 ? errno : in_a_child(mount_proc);
}

bool sandbox_has_own_proc(void)
{
	return in_a_child(try_proc) != EPERM;
}

/* Root who has CAP_SYS_ADMIN may be forbidden to use it, by a filter or by a security module. */
static bool is_confined(void)
{
	AUTO_FREE char *status = NULL, *label = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	if (fs_read_file(AT_FDCWD, "/proc/self/status", 64 * KIB, &status, &n, &ignored) == 0 &&
		strstr(status, "\nSeccomp:") && !strstr(status, "\nSeccomp:\t0\n"))
		return true;
	return fs_read_file(AT_FDCWD, "/proc/self/attr/current", 64 * KIB, &label, &n, &ignored) ==
	               0 &&
	       *label && !str_has_prefix(label, "unconfined");
}

void sandbox_probe(bool asked)
{
	static bool done;
	if (done || mode_is() == MODE_CHROOT || (!asked && !is_confined()))
		return;
	done = true;
	int sys = in_a_child(mount_something);
	/* a kernel that cannot do what a sandbox needs is told of */
	if (!sys || (!asked && sys != EPERM && sys != EACCES))
		return;
	AUTO_FREE char *why = xasprintf("namespaces and mounts are not allowed here (%s)",
		err_text(sys, (char[ERR_TEXT_MAX]){0}));
	mode_set(MODE_CHROOT, why);
}
