/* SPDX-License-Identifier: Apache-2.0 */
/* One process in a box: everything that the sandbox must know, as plain data. Knows nothing of
 * images, stores or Containerfiles. */
#pragma once
#include "base/idmap.h"
#include "base/map.h"
#include "base/strv.h"
#include "layers/snapshot.h"
#include "run/network_choice.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum run_network { RUN_NETWORK_PRIVATE, RUN_NETWORK_HOST, RUN_NETWORK_NONE };

enum run_mount_kind { RUN_MOUNT_BIND, RUN_MOUNT_TMPFS, RUN_MOUNT_FILE };

struct run_mount {
	enum run_mount_kind kind;
	int source; /* BIND: O_PATH descriptor of a file or directory (pinned: never a path) */
	const char *below; /* BIND: NULL, or source is a detached mount (snapshot_mount) that is
	                      used up, and this path in it, links resolved inside, is what shows */
	const void *data; /* FILE: content of a file that exists in memory only */
	size_t len;
	uid_t uid; /* FILE: its owner */
	gid_t gid;
	char *target; /* in the root; relative ones are below /. Created (and removed again after
	                 the step when it was empty) if missing */
	bool read_only;
	bool device; /* BIND of a device: it can be opened */
	bool give; /* BIND: with all that is in it it becomes the user's */
	bool copy_up; /* TMPFS: it begins with what it is mounted over */
	bool no_exec, no_suid;
	char relabel; /* BIND: 'z', its files are labelled for all steps, 'Z' for this one alone; 0 */
	bool stored; /* BIND: of the store, with owners as images have them: mapped as theirs are */
	uint64_t size; /* TMPFS: bytes, 0 no limit of its own */
	mode_t mode; /* FILE: as it is; TMPFS: of its root, 0: 01777 */
};

struct run_rlimit {
	int resource; /* RLIMIT_* */
	uint64_t soft, hard;
	bool of_host; /* as this machine has it: no key knows it */
};

/* A device that the workload is shown. */
struct run_device {
	bool block;
	unsigned major_nr, minor_nr;
	char rights[4]; /* of "rwm" */
};

struct run_limits {
	uint64_t memory; /* bytes, 0: none */
	uint64_t memory_swap; /* memory + swap in bytes, 0: as docker (twice the memory where swap
	                         is accounted), UINT64_MAX unlimited */
	uint64_t cpu_quota_us, cpu_period_us; /* 0: none / 100000 */
	uint64_t cpu_shares; /* 0: none; 2..262144 as docker */
	char *cpuset_cpus, *cpuset_mems; /* NULL: none */
	uint64_t pids; /* 0: none */
	char *parent; /* the cgroup to be in, from the top of each hierarchy; NULL: ours */
	struct run_device *devices; /* when one of them is not to be read, or not to be written,
	                               these and the usual ones are all that opens */
	size_t n_devices;
};

#define RUN_HOST_GATEWAY                                                                           \
	"host-gateway" /* in place of an address: the one that reaches the host                    \
	                */

struct run_spec {
	struct strv argv; /* argv[0] is looked up in PATH of env, in the root */
	struct map env; /* the complete environment */
	char *cwd; /* in the root; created if missing */
	bool cwd_of_user; /* then it belongs to the user, not to root */
	char *user; /* as USER has it: "", "name", "uid", "name:group", "uid:gid" */
	struct strv groups; /* more of them, names or numbers */
	char *hostname; /* NULL: "mica" */
	bool host_uts; /* the host name is the host's; hostname is not used */
	bool host_ipc, host_cgroupns, host_pid; /* these namespaces are the host's */
	int uts_fd, ipc_fd, cgroupns_fd, pid_fd, net_fd; /* to be joined, owned; -1: none. net_fd
	                                                    goes with RUN_NETWORK_HOST */
	struct idmap_view users; /* a user namespace for it alone (own_users.h), owned */
	struct snapshot root; /* mounted inside the sandbox's mount namespace */
	bool lends_root; /* sandbox_clone_root() will be asked for */
	struct run_mount *mounts;
	size_t n_mounts;
	struct run_limits limits;
	struct run_rlimit *rlimits;
	size_t n_rlimits;
	enum run_network network;
	struct network_choice helper; /* what connects a private one */
	bool no_hosts; /* /etc/hosts stays the image's own */
	bool no_resolv; /* so does /etc/resolv.conf */
	bool hostname_file; /* /etc/hostname does not: it says the host name */
	char *containerenv; /* what /run/.containerenv says, NULL: it is not there */
	struct strv add_hosts; /* "name:ip", "name:host-gateway" */
	char *base_hosts; /* lines of a hosts file that come behind these, NULL: none */
	char *host_address; /* of this machine, for "host-gateway" and host_names, NULL: what it has
	                       in this network */
	bool host_names; /* this machine's, as buildah calls it, if it can be reached anyhow */
	struct strv dns, dns_search, dns_options;
	struct strv cap_add, cap_drop; /* "CAP_NET_RAW", "net_raw", "all" */
	char *seccomp_profile; /* NULL: the default; "unconfined"; else a file in the containers'
	                          JSON format */
	char *apparmor; /* the profile that it is confined by, NULL: what confines us */
	char *selinux; /* the label that it has, NULL: ours. What files have: layers/label.h */
	char *selinux_wish; /* what of it was chosen and not made up, NULL: nothing */
	struct strv sysctls; /* sysctls_check() has seen them */
	struct strv proc_options; /* of the file system on /proc, such as "hidepid=2" */
	struct strv mask; /* more paths that it finds empty */
	struct strv unmask; /* patterns of what it would find empty and is to see; "all" */
	bool no_new_privs;
	bool chroot; /* isolation 'chroot': the network is that of what is around it; where there
	                are no namespaces and mounts it does without: chroot.c */
	bool insecure; /* all capabilities, no filter, nothing masked or read-only */
	uint64_t shm_size; /* 0: 64 MiB */
	int in, out,
		errfd; /* descriptors of the workload; -1: /dev/null. With tty they are ignored */
	bool as_pid1; /* the workload is PID 1 of its pid namespace, as docker has it; else our init
	                 is. Either way signals are forwarded, and end a workload that has no
	                 handler for them */
	bool tty; /* the sandbox opens a terminal on its own devpts and hands the master to the
	             caller */
};

void run_spec_init(struct run_spec *s);
/* Has it a line of /etc/hosts with RUN_HOST_GATEWAY? */
bool run_spec_needs_gateway(const struct run_spec *s);
/* For the snapshots that it is to see: how owners are shown, NULL as they are. */
const struct idmap_view *run_spec_ids(const struct run_spec *s);
/* Is it to have no pid namespace of its own? */
bool run_spec_shares_pids(const struct run_spec *s);
void run_spec_done(struct run_spec *s); /* frees what is owned; does not close descriptors */
