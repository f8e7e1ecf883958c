/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine allows a sandbox, found out by doing it in a process of its own. */
#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"
#include "run/mode.h"
#include "run/sandbox.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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

void sandbox_probe(void)
{
	static bool done;
	/* one user alone is in a mount namespace of its own already, and has nothing to fall back
	 * to */
	if (done || mode_is() == MODE_CHROOT || mode_is() == MODE_SINGLE)
		return;
	done = true;
	int sys = in_a_child(mount_something);
	if (!sys)
		return;
	AUTO_FREE char *why = xasprintf("namespaces and mounts are not allowed here (%s)",
		err_text(sys, (char[ERR_TEXT_MAX]){0}));
	mode_set(MODE_CHROOT, why);
}
