/* SPDX-License-Identifier: Apache-2.0 */
#include "base/called.h"
#include "base/fs.h"
#include "base/mem.h"
#include "run/mounts.h"
#include "run/userns.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHM_SIZE_DEFAULT (64 * MIB)

/* File systems to be, which belong to a user namespace: making one of those takes longer than all
 * other mounts of a sandbox, so one serves many sandboxes. */
static int contexts[SHM_CONTEXTS];
static size_t n_contexts;

static int shm_tmpfs(int context, uint64_t size, unsigned attrs)
{
	char option[48];
	snprintf(option, sizeof(option), "size=%" PRIu64, size ? size : (uint64_t)SHM_SIZE_DEFAULT);
	const char *const options[] = {"mode=1777", option, NULL};
	/* named as BuildKit's, since steps see it in what mount(8) prints; buildah's runtimes call
	 * it "shm" */
	const char *name = called_buildah() ? "shm" : "tmpfs";
	AUTO_FD int own = context >= 0 ? -1 : fsopen("tmpfs", FSOPEN_CLOEXEC);
	int fs = context >= 0 ? context : own;
	return fs < 0 ? -1 : mount_of_context(fs, name, options, attrs);
}

/* All IDs are themselves in pid's user namespace. */
static bool map_all_ids(pid_t pid)
{
	static const char *const maps[] = {"uid_map", "gid_map"};
	static const char all[] = "0 0 4294967295";
	for (size_t i = 0; i < 2; i++) {
		char path[40];
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, maps[i]);
		AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, all, sizeof(all) - 1) < 0)
			return false;
	}
	return true;
}

/* In a process that shares our descriptors, so that its contexts are ours too. Answers with their
 * numbers. */
static _Noreturn void open_in_namespace(int sock, pid_t parent)
{
	char go;
	int fds[SHM_CONTEXTS];
	size_t n = 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && read(sock, &go, 1) == 1)
		while (n < SHM_CONTEXTS && (fds[n] = fsopen("tmpfs", FSOPEN_CLOEXEC)) >= 0)
			n++;
	_exit(write(sock, fds, n * sizeof(int)) != (ssize_t)(n * sizeof(int)));
}

/*
 * The devices of a file system that a user namespace mounted cannot be opened by anybody, which
 * guards as nodev does and is not an option that `mount` shows. Without any: user namespaces are
 * not allowed.
 */
static void fill_contexts(void)
{
	int sock[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) < 0)
		return;
	pid_t parent = getpid();
	unsigned long flags = CLONE_FILES | CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD;
	pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0UL);
	if (pid == 0)
		open_in_namespace(sock[1], parent);
	if (pid > 0) {
		if (!map_all_ids(pid) || write(sock[0], "", 1) != 1)
			kill(pid, SIGKILL);
		/* it holds our end of the socket open too, so that a death would not be heard there
		 */
		waitpid(pid, NULL, 0);
		ssize_t n = recv(sock[0], contexts, sizeof(contexts), MSG_DONTWAIT);
		n_contexts = n > 0 ? (size_t)n / sizeof(int) : 0;
	}
	close(sock[0]);
	close(sock[1]);
}

int shm_new(uint64_t size)
{
	if (userns_is_rootless())
		return shm_tmpfs(-1, size, MOUNT_ATTR_NOSUID); /* in a user namespace already */
	if (!n_contexts)
		fill_contexts();
	AUTO_FD int context = n_contexts ? contexts[--n_contexts] : -1;
	int mnt = context < 0 ? -1 : shm_tmpfs(context, size, MOUNT_ATTR_NOSUID);
	return mnt >= 0 ? mnt : shm_tmpfs(-1, size, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}
