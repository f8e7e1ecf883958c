/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more mount of a root that is attached in another mount namespace. open_tree(2) clones only
 * what is in the caller's, so a child goes there.
 */
#include "base/err.h"
#include "base/fdpass.h"
#include "base/job.h"
#include "base/mem.h"
#include "run/sandbox_internal.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct cloning {
	int mounts;
	int sock[2];
};

static int clone_main(void *arg, struct buf *out, struct err *err)
{
	const struct cloning *c = arg;
	(void)out;
	/* "/" is the root of that namespace afterwards */
	if (setns(c->mounts, CLONE_NEWNS) < 0)
		return err_sys(err, "cannot enter the sandbox's mount namespace");
	AUTO_FD int fd = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot mount the sandbox's root once more");
	return fdpass_send(c->sock[1], "", 1, fd) < 0 ? err_sys(err, "cannot hand it over") : 0;
}

static bool same_file(int a, int b)
{
	struct stat x, y;
	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

int root_clone(int mounts, int root, int *ret_fd, struct err *err)
{
	struct cloning c = {.mounts = mounts};
	AUTO_FD int fd = -1;
	char byte;
	bool cut;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, c.sock) < 0)
		return err_sys(err, "cannot make a socket");
	int r = job_run(clone_main, &c, NULL, err);
	if (r == 0 && fdpass_receive(c.sock[0], &byte, 1, MSG_DONTWAIT, &fd, &cut) < 0)
		r = err_sys(err, "cannot take over the mount");
	(void)close(c.sock[0]);
	(void)close(c.sock[1]);
	if (r < 0)
		return r;
	if (!same_file(fd, root))
		return err_set(err, ERR_UNSUPPORTED, "the sandbox has another root");
	*ret_fd = take_fd(&fd);
	return 0;
}
