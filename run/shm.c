/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"
#include "base/mem.h"
#include "run/sandbox_internal.h"
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

static int shm_tmpfs(uint64_t size, unsigned attrs)
{
	char option[48];
	snprintf(option, sizeof(option), "size=%" PRIu64, size ? size : (uint64_t)SHM_SIZE_DEFAULT);
	return mount_new("tmpfs", (const char *const[]){"mode=1777", option, NULL}, attrs);
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

/* In a process that shares our descriptors, so that its mount is ours too. Answers with the number
 * of the descriptor. */
static _Noreturn void make_in_namespace(int sock, uint64_t size)
{
	char go;
	int mnt = -1;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && read(sock, &go, 1) == 1)
		mnt = shm_tmpfs(size, MOUNT_ATTR_NOSUID);
	_exit(write(sock, &mnt, sizeof(mnt)) != sizeof(mnt));
}

/*
 * The devices of a file system that a user namespace mounted cannot be opened by anybody, which
 * guards as nodev does and is not an option that `mount` shows. -1: user namespaces are not
 * allowed.
 */
static int shm_of_namespace(uint64_t size)
{
	int sock[2], mnt = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) < 0)
		return -1;
	unsigned long flags = CLONE_FILES | CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD;
	pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0UL);
	if (pid == 0)
		make_in_namespace(sock[1], size);
	if (pid > 0) {
		if (!map_all_ids(pid) || write(sock[0], "", 1) != 1)
			kill(pid, SIGKILL);
		/* it holds our end of the socket open too, so that a death would not be heard there
		 */
		waitpid(pid, NULL, 0);
		if (recv(sock[0], &mnt, sizeof(mnt), MSG_DONTWAIT) != sizeof(mnt))
			mnt = -1;
	}
	close(sock[0]);
	close(sock[1]);
	return mnt;
}

int shm_new(uint64_t size)
{
	if (userns_is_rootless())
		return shm_tmpfs(size, MOUNT_ATTR_NOSUID); /* in a user namespace already */
	int mnt = shm_of_namespace(size);
	return mnt >= 0 ? mnt : shm_tmpfs(size, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}
