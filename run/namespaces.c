/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/mem.h"
#include "run/cgroup.h"
#include "run/sandbox_internal.h"
#include "run/sysctls.h"
#include "run/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

/* sched.h of libc and of the kernel do not go together. */
int setns(int fd, int nstype);
int unshare(int flags);

static pid_t clone_with(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
#ifdef __x86_64__
	/* filters that do not know clone3 answer ENOSYS; clone(2) has CLONE_PIDFD since 5.2, in the
	 * place of the parent's tid */
	if (pid < 0 && errno == ENOSYS && cgroup_fd < 0)
		pid = (pid_t)syscall(
			SYS_clone, (unsigned long)args.flags | SIGCHLD, NULL, ret_pidfd, NULL, 0UL);
#endif
	return pid;
}

/* One joins a pid namespace by being born in it: ours are for the next children only. */
static int enter_pids(int fd, int *ret_own, struct err *err)
{
	AUTO_FD int own = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(fd, CLONE_NEWPID) < 0)
		return err_sys(err, "cannot join the pid namespace that was named");
	*ret_own = take_fd(&own);
	return 0;
}

pid_t namespaces_clone(const struct run_spec *spec, int cgroup_fd, bool *ret_in_cgroup,
	int *ret_pidfd, struct err *err)
{
	/* The cgroup namespace is left for later: its root is the cgroup that one is in when it is
	 * made. */
	uint64_t flags = CLONE_NEWNS;
	if (!run_spec_shares_pids(spec))
		flags |= CLONE_NEWPID;
	if (!spec->host_ipc && spec->ipc_fd < 0)
		flags |= CLONE_NEWIPC;
	if (!spec->host_uts && spec->uts_fd < 0)
		flags |= CLONE_NEWUTS;
	if (spec->network == RUN_NETWORK_NONE)
		flags |= CLONE_NEWNET;
	AUTO_FD int own = -1;
	if (spec->pid_fd >= 0 && enter_pids(spec->pid_fd, &own, err) < 0)
		return err->code;
	*ret_in_cgroup = cgroup_fd >= 0;
	pid_t pid = clone_with(flags, cgroup_fd, ret_pidfd);
	if (pid < 0 && cgroup_fd >= 0 && errno != EAGAIN && errno != ENOMEM) {
		*ret_in_cgroup = false;
		pid = clone_with(flags, -1, ret_pidfd);
	}
	if (pid < 0)
		(void)err_sys(err, "cannot create the sandbox's namespaces");
	if (pid != 0 && own >= 0)
		(void)setns(own, CLONE_NEWPID); /* always allowed: it was ours */
	return pid < 0 ? (pid_t)err->code : pid;
}

/* A new net namespace has a loopback interface, but it is down. */
static int loopback_up(struct err *err)
{
	AUTO_FD int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &req) < 0)
		return err_sys(err, "cannot bring up the loopback interface");
	return 0;
}

static int join(int fd, int type, const char *option, struct err *err)
{
	if (fd < 0 || setns(fd, type) == 0)
		return 0;
	return err_sys(err, "cannot join the namespace that '--%s' names%s", option,
		errno == EPERM && userns_is_rootless() ? ", which root has to do" : "");
}

/* A network of our own that root of another user namespace cannot bind the low ports of, though
 * nobody else is in it. */
static int open_ports(struct err *err)
{
	AUTO_FD int fd =
		open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return err_sys(err, "cannot let everybody bind the ports of the private network");
	return 0;
}

int namespaces_setup(const struct box *b, struct err *err)
{
	if (!b->in_cgroup) {
		int r = cgroup_join(b->cgroup, err);
		if (r < 0)
			return r;
	}
	const struct run_spec *s = b->spec;
	if (join(s->ipc_fd, CLONE_NEWIPC, "ipc", err) < 0 ||
		join(s->uts_fd, CLONE_NEWUTS, "uts", err) < 0 ||
		join(s->cgroupns_fd, CLONE_NEWCGROUP, "cgroupns", err) < 0 ||
		join(s->net_fd, CLONE_NEWNET, "network", err) < 0)
		return err->code;
	if (!s->host_cgroupns && s->cgroupns_fd < 0 && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(err, "cannot create a cgroup namespace");
	if (b->netns >= 0 && setns(b->netns, CLONE_NEWNET) < 0)
		return err_sys(err, "cannot join the private network");
	if (s->network == RUN_NETWORK_NONE) {
		int r = loopback_up(err);
		if (r < 0)
			return r;
	}
	if (s->users.userns >= 0 && s->network != RUN_NETWORK_HOST && open_ports(err) < 0)
		return err->code;
	bool own_net = b->netns >= 0 || s->network == RUN_NETWORK_NONE;
	if (s->sysctls.n && sysctls_apply(s, own_net, err) < 0)
		return err->code;
	const char *name = s->hostname ? s->hostname : "mica";
	if (!s->host_uts && s->uts_fd < 0 && sethostname(name, strlen(name)) < 0 &&
		errno != EPERM) /* the filter of a container around us: then the name is its */
		return err_sys(err, "cannot set the host name '%s'", name);
	return 0;
}
