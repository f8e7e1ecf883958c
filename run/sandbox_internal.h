/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the sandbox share. Who does what:
 *
 *	sandbox.c      the caller's side: mounts the snapshot (detached), makes the cgroup, clones,
 *	               listens, cleans up
 *	namespaces.c   clone3 and what is set inside the new namespaces before any mount
 *	init.c         PID 1: runs the steps below in order, then reaps and forwards signals
 *	root_clone.c   another mount of the root, for another sandbox
 *	rootfs.c       attaches the root, pivots
 *	mounts.c       how a file system is made, attached and hidden, by descriptors alone
 *	mounts_kernel.c  /proc and /sys, what is masked in them; mounts_dev.c  /dev
 *	mounts_user.c  the caller's mounts; mounts_files.c  what they change in files
 *	shm.c          the file system of /dev/shm
 *	etc_files.c    /etc/hosts and what else it is told by files
 *	target.c       finds or makes the mount points inside the image; stubs.c removes them
 *	adopt.c        the end of all processes, where no pid namespace ends them
 *	chroot.c       instead of all these, where there are no namespaces; chroot_files.c
 *	exec.c         the workload: user, capabilities, filter, execve
 *	executed.c     init's look at what that was
 *	lsm.c          a profile of AppArmor for it
 *	selinux.c      a label of SELinux for it
 *	ids.c          users for a user namespace that knows one
 *	report.c       messages from the child to the caller
 *	probe.c        what of this may be done here
 */
#pragma once
#include "run/spec.h"
#include "run/user.h"
#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct cgroup;
struct err;
struct ids;

/* The child's plan; made by the caller's side, which shares its memory by fork. */
struct box {
	const struct run_spec *spec;
	int root; /* the snapshot, a detached mount */
	int *sources; /* spec->n_mounts detached clones of bind sources, -1 for tmpfs */
	int shm; /* for /dev/shm, a detached mount */
	int netns; /* to be joined, or -1 */
	const char *dns; /* name server of the private network, or NULL */
	const char *gateway; /* where the private network reaches the host, or NULL */
	const struct cgroup *cgroup;
	bool in_cgroup; /* clone3 has put us there */
	uint64_t caps;
	const struct sock_fprog *filter;
	int report; /* our end of the report socket */
	bool looks; /* init, at what has been executed: see executed.h */
	bool one_user; /* the user namespace knows nobody else: see ids.h */

	/* found on the way */
	struct user user;
	int proc; /* our /proc */
	int dev; /* our /dev, a tmpfs */
	int null; /* the host's /dev/null, verified */
	int terminal; /* slave side, or -1 */
	int stdio[3];
	int ids; /* where the listener of ids_install() goes, or -1 */
};

/* --- root_clone.c --- */
/* root, as it is attached in the mount namespace `mounts`: one more detached mount. */
int root_clone(int mounts, int root, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));

/* --- namespaces.c --- */
/* Forks into new namespaces. cgroup_fd: -1 or for CLONE_INTO_CGROUP; *ret_in_cgroup tells whether
 * that worked. Returns 0 in the child, else the pid, or ERR_SYS. */
pid_t namespaces_clone(const struct run_spec *spec, int cgroup_fd, bool *ret_in_cgroup,
	int *ret_pidfd, struct err *err);
int namespaces_setup(const struct box *b, struct err *err) __attribute__((warn_unused_result));
