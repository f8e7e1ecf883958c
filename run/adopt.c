/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of all that a workload started, where no pid namespace of its own does that: init adopts
 * every descendant whose parent has ended, and kills them all when the workload ends or the caller
 * does. Whoever has left the session, forked twice or changed its user is found all the same.
 */
#include "base/err.h"
#include "base/proc.h"
#include "run/init.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int adopt_begin(struct err *err)
{
	/* the descendants too are to end when the caller does: so not by SIGKILL */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_PDEATHSIG, ADOPT_END, 0, 0, 0) < 0)
		return err_sys(err, "cannot tie the workload to its caller");
	return 0;
}

static void kill_children(int proc)
{
	int fd = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	while (dir && (d = readdir(dir)))
		if (isdigit((unsigned char)d->d_name[0]) &&
			proc_parent(proc, d->d_name) == getpid())
			(void)kill((pid_t)strtol(d->d_name, NULL, 10), SIGKILL);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

void adopt_kill_all(int proc)
{
	/* children of the killed become ours, until there are none */
	for (;;) {
		kill_children(proc);
		pid_t pid = waitpid(-1, NULL, 0);
		if (pid < 0 && errno == ECHILD)
			return;
	}
}
