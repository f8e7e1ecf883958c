/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox: one workload in namespaces (mount, pid, ipc, uts, net, cgroup; user when rootless),
 * its own cgroup, pivot_root into a snapshot, fresh /proc, /dev and /sys with masked and read-only
 * paths, default capabilities, seccomp filter, no inherited descriptor, own session.
 *
 *	sandbox_start()  forks; returns once the workload has been executed, or with the reason why
 *	                 it could not be
 *	poll sandbox_pidfd()  (readable: it ended)
 *	sandbox_wait()   reaps, removes the cgroup, fills the result
 *	sandbox_kill()   SIGKILL to everything in it; sandbox_signal() to the workload only
 *
 * When the caller dies, all of it dies (PR_SET_PDEATHSIG on PID 1 of the pid namespace). Nothing of
 * it is visible in the caller's mount namespace. After sandbox_wait the upper directory holds
 * exactly the workload's changes: mount points that the sandbox had to create, /etc/hosts,
 * resolv.conf and hostname never end up in it. /dev, /proc and /sys do where the image has none:
 * the directories stay, as BuildKit leaves them.
 */
#pragma once
#include "run/spec.h"
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct sandbox;
struct network;
struct removed_fs;

struct sandbox_result {
	int status; /* exit status; 128+n for signal n */
	bool oom_killed; /* the memory limit killed something in it */
	uint64_t memory_limit, memory_peak; /* bytes; peak 0 when unknown */
	uint64_t cpu_us; /* user + system time, 0 when unknown */
	bool pids_limit_hit;
	bool left_running; /* somebody outside killed what would have ended all of it */
	uid_t uid; /* who the workload was, by number */
	gid_t gid;
};

struct sandbox_hooks {
	/* called in the parent with the path of each cgroup directory before anything is put into
	 * it */
	int (*note_cgroup)(void *arg, const char *path, struct err *err);
	/* may be NULL; called in the parent when the root is mounted and nothing runs in it yet */
	void (*root_ready)(void *arg);
	void *arg;
};

/* net: from network_start() when spec->network is PRIVATE, else NULL. ERR_NOT_FOUND: no such
 * program, user or working directory (message says which); ERR_UNSUPPORTED: a limit that this host
 * cannot enforce. *ret_master: with tty, the terminal's master side, the caller's to close; else
 * NULL may be passed. */
int sandbox_start(const struct run_spec *spec, struct network *net,
	const struct sandbox_hooks *hooks, struct sandbox **ret, int *ret_master, struct err *err)
	__attribute__((warn_unused_result));
int sandbox_pidfd(const struct sandbox *s);
void sandbox_signal(struct sandbox *s, int sig);
void sandbox_kill(struct sandbox *s);
/* Stops all of it, unseen by it, or lets it go on; nothing where it has no cgroup of version 2.
 * What is killed goes on to its end. */
void sandbox_hold(struct sandbox *s, bool hold);
/* The same, and waits a little until it stands still. False: it goes on. */
bool sandbox_stop(struct sandbox *s);
/* Bytes of files that were removed and are still open in it (run/removed.h), on its root and on
 * these file systems. */
uint64_t sandbox_removed(const struct sandbox *s, const struct removed_fs *fs, size_t n);
/* A detached mount of its root, which works as long as one of them is there: for another sandbox
 * (snapshot.mounted). Of a spec that lends it. */
int sandbox_clone_root(const struct sandbox *s, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* Others use its root, and go on: what was made there for mounts stays, for they may have mounted
 * something on it as well, and nobody is kept from writing. So it is from the start where the root
 * was mounted by somebody else. !others: it is alone with it by now. notes: a directory in which
 * they tell the last one what they have left, borrowed until sandbox_wait(). */
void sandbox_share_root(struct sandbox *s, bool others, int notes);
/* Blocks until the end, frees s. ERR_BUSY: it has ended well, and somebody else can go on writing
 * to files of its root (snapshot_seal()). */
int sandbox_wait(struct sandbox *s, struct sandbox_result *ret, struct err *err)
	__attribute__((warn_unused_result));

/* May this machine's namespaces and mounts be had? Where not, the mode becomes MODE_CHROOT, with
 * the reason. Tried once, which takes a process: if isolation 'chroot' is asked for, else where
 * something confines us. */
void sandbox_probe(bool asked);
/* False where parts of the /proc around us are hidden, as in most containers: then nobody in a user
 * namespace may mount another, and a workload sees that one, read-only. */
bool sandbox_has_own_proc(void);
/* Isolation 'chroot' (spec.chroot), and there are neither namespaces nor mounts; else it is the
 * sandbox, with the network of what is around it. */
bool sandbox_is_bare(const struct run_spec *spec);

/* Of a workload with isolation 'chroot': does it ask for what cannot be had there? ERR_UNSUPPORTED;
 * sandbox_start() refuses it, too. */
int sandbox_check_chroot(const struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));

/* Of these capabilities those that a workload may have that is bare: the others lead out of a
 * chroot, or are about what is around it. */
uint64_t sandbox_chroot_caps(uint64_t caps);

/* Are these limits enforceable here? Called before the first step. ERR_UNSUPPORTED with the flag's
 * name and why. */
int sandbox_check_limits(const struct run_limits *l, struct err *err)
	__attribute__((warn_unused_result));
