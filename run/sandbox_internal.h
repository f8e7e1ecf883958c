/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the sandbox share. Who does what:
 *
 *	sandbox.c      the caller's side: mounts the snapshot (detached), makes the cgroup, clones,
 *	               listens, cleans up
 *	namespaces.c   clone3 and what is set inside the new namespaces before any mount
 *	init.c         PID 1: runs the steps below in order, then reaps and forwards signals
 *	rootfs.c       attaches the root, pivots
 *	mounts.c       how a file system is made, attached and hidden, by descriptors alone
 *	mounts_kernel.c  /proc and /sys, what is masked in them; mounts_dev.c  /dev
 *	mounts_user.c  the caller's mounts; mounts_files.c  what they change in files
 *	shm.c          the file system of /dev/shm
 *	etc_files.c    /etc/hosts and /etc/resolv.conf
 *	target.c       finds or makes the mount points inside the image
 *	adopt.c        the end of all processes, where no pid namespace ends them
 *	chroot.c       instead of all these, where there are no namespaces; chroot_files.c
 *	exec.c         the workload: user, capabilities, filter, execve
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
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct buf;
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

/* --- shm.c --- */
#define SHM_CONTEXTS 16 /* of one user namespace; what is left waits for the next ones */
/* A detached tmpfs for /dev/shm, where no device can be opened; size 0: the default. To be called
 * by the caller's side: user namespaces cannot be made below a root that is mounted over. -1 and
 * errno on failure. */
int shm_new(uint64_t size);

/* --- report.c: one datagram a message --- */
enum report_kind { REPORT_ERROR, REPORT_STUB, REPORT_DIR, REPORT_TERMINAL, REPORT_USER };

/* A mount point that had to be made and is to be removed afterwards. Its parent directory travels
 * as a descriptor. */
struct report_stub {
	char name[256];
	dev_t dev;
	ino_t ino;
	bool is_dir;
	struct timespec before, after; /* the parent's mtime around the creation */
};

/* A directory of the image that exists in the upper only because a stub was made in it or below. */
struct report_dir {
	char path[512]; /* relative to the root */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
};

/* Who the workload is. */
struct report_user {
	uid_t uid;
	gid_t gid;
};

/* The child's side. fd: -1, or passed along. 0 or -1 with errno. */
int report_error(int sock, const struct err *err);
int report_stub(int sock, const struct report_stub *stub, int parent);
int report_dir(int sock, const struct report_dir *dir);
int report_terminal(int sock, int master);
int report_user(int sock, const struct report_user *user);

struct report {
	enum report_kind kind;
	union {
		int code_sys[2];
		struct report_stub stub;
		struct report_dir dir;
		struct report_user user;
	} u;
	char msg[1400];
	int fd; /* received; -1 none */
};
/* 1: *ret filled; 0: the other side has closed; negative: error. */
int report_receive(int sock, struct report *ret, struct err *err);

/* --- namespaces.c --- */
/* Forks into new namespaces. cgroup_fd: -1 or for CLONE_INTO_CGROUP; *ret_in_cgroup tells whether
 * that worked. Returns 0 in the child, else the pid, or ERR_SYS. */
pid_t namespaces_clone(const struct run_spec *spec, int cgroup_fd, bool *ret_in_cgroup,
	int *ret_pidfd, struct err *err);
int namespaces_setup(const struct box *b, struct err *err) __attribute__((warn_unused_result));

/* --- target.c --- */
enum target_flags {
	TARGET_FILE = 1 << 0, /* a regular file is wanted, else a directory */
	TARGET_KEEP = 1 << 1, /* what is made stays in the image (/proc, /sys, /dev) */
};
/* An O_PATH descriptor of path inside the root, all links resolved in it; made when missing. */
int target_open(const struct box *b, const char *path, unsigned flags, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));

/* --- mounts.c --- */
/* A new file system as a detached mount. options: "key=value" or "flag", NULL-terminated. attrs:
 * MOUNT_ATTR_*. A descriptor or -1 with errno. */
int mount_new(const char *type, const char *const *options, unsigned attrs);
/* The same of a context that fsopen(2) has made. */
int mount_of_context(int fs, const char *source, const char *const *options, unsigned attrs);
/* Moves the detached mount onto target, with attrs set on it first. 0 or -1 with errno. */
int mount_attach(int mnt, int target, uint64_t attrs, bool recursive);
/* A clone of what fd is, onto target. 0 or -1 with errno. */
int mount_bind_fd(int fd, int target, uint64_t attrs);
/* A new file system on path in the root. *ret_fd: its root directory. */
int mount_at(const struct box *b, const char *path, const char *type, const char *const *options,
	unsigned attrs, int *ret_fd, struct err *err) __attribute__((warn_unused_result));
/* A directory becomes empty and read-only, a file /dev/null. *empty: the caller's, -1 at first. */
int mount_hide(const struct box *b, int target, const char *name, int *empty, struct err *err)
	__attribute__((warn_unused_result));
#define ATTR_QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* --- mounts_kernel.c, mounts_dev.c, mounts_user.c --- */
/* /proc, /sys and /dev */
int mounts_kernel(struct box *b, struct err *err) __attribute__((warn_unused_result));
int mounts_dev(struct box *b, struct err *err) __attribute__((warn_unused_result));
/* A device of the host, known by its number and not by its name (CVE-2025-31133). *ret_fd:
 * O_PATH. */
int device_open(const char *name, unsigned major_nr, unsigned minor_nr, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));
/* What /dev calls the device that fd is, if everybody's /dev has it; NULL: none of those, or a
 * terminal. */
const char *device_usual(int fd);
/* Has the directory all of those, and do they open? */
bool device_all(int dev);
int mounts_user(struct box *b, struct err *err) __attribute__((warn_unused_result));

/* --- mounts_files.c --- */
/* What source shows, and all below it, becomes the workload's. target: for messages. */
int mount_give(const struct box *b, int source, const char *target, struct err *err)
	__attribute__((warn_unused_result));
/* Files, directories and links in the directory `from` are copied to the root of the tmpfs `to`,
 * which takes its owner and, unless keep_mode, its mode. */
int mount_copy_up(int from, int to, const char *target, bool keep_mode, struct err *err)
	__attribute__((warn_unused_result));

/* --- etc_files.c --- */
#define ETC_FILE_MAX (256 * KIB)
/* What is in /etc/hosts and /etc/resolv.conf; the limits of both are ETC_FILE_MAX. */
int etc_contents(const struct box *b, struct buf *hosts, struct buf *resolv, struct err *err)
	__attribute__((warn_unused_result));
int etc_files(const struct box *b, struct err *err) __attribute__((warn_unused_result));

/* --- rootfs.c --- */
int rootfs_attach(const struct box *b, struct err *err) __attribute__((warn_unused_result));
int rootfs_pivot(const struct box *b, struct err *err) __attribute__((warn_unused_result));
/* Changes to the working directory, which is made when missing. */
int rootfs_chdir(const struct box *b, struct err *err) __attribute__((warn_unused_result));

/* --- adopt.c: init of a workload that has no pid namespace of its own --- */
#define ADOPT_END SIGRTMAX /* to init: end all of it */
/* From here on orphans are ours, and ADOPT_END comes when the caller dies. */
int adopt_begin(struct err *err) __attribute__((warn_unused_result));
/* proc: a /proc that shows the pid namespace that we are in. */
void adopt_kill_all(int proc);

/* --- chroot.c: in place of init.c and mounts.c, where there are no namespaces --- */
_Noreturn void chroot_main(struct box *b);

/* --- chroot_files.c --- */
struct chroot_files;
/* Into b->root, and out again; take_back accepts NULL. */
int chroot_place(const struct box *b, struct chroot_files **ret, struct err *err)
	__attribute__((warn_unused_result));
void chroot_take_back(struct chroot_files *f);

/* --- init.c, exec.c --- */
/* Arguments and environment of the caller, of which we are a copy. */
void init_forget_arguments(void);
/* Blocks all signals, and is nobody's to trace. */
int init_protect(struct err *err) __attribute__((warn_unused_result));
/* Who the workload is, of the image's own accounts; the caller is told. "Not found" is told of a
 * command: one that nobody may run is not a missing one. */
int init_resolve_user(struct box *b, struct err *err) __attribute__((warn_unused_result));
/* The workload's descriptors, out of the way of 0, 1 and 2. */
int init_collect_stdio(struct box *b, struct err *err) __attribute__((warn_unused_result));
_Noreturn void init_main(struct box *b);

/* What init needs while the workload runs: its descriptors end up as 0, 1, ... */
struct watch {
	int status; /* /proc/PID/status of a workload that is a PID 1, or -1 */
	int proc; /* where no pid namespace ends the rest: a /proc that shows us; else -1 */
	int signals; /* a signalfd that is only looked at; -1: nobody asks us anything */
	struct ids *ids;
	int sock; /* where the workload's listener comes from */
};
#define WATCH_INIT                                                                                 \
	{                                                                                          \
		.status = -1, .proc = -1, .signals = -1, .sock = -1                                \
	}
/* The calls of a workload whose user namespace knows one user are ours to answer; proc, around: as
 * for ids_new(). */
int init_answer_ids(struct box *b, int proc, bool around, struct watch *w, struct err *err)
	__attribute__((warn_unused_result));
/* When the workload's listener never comes it has ended, and has said why. */
void init_receive_ids(const struct box *b, struct watch *w);
/* Nothing may be left open in init: neither the caller's pipes nor the report socket, whose end
 * tells the caller that the workload runs. */
void init_close_all_but(struct watch *w);
/* The next signal of the set; meanwhile calls are answered. */
int init_next_signal(const struct watch *w, const sigset_t *set, siginfo_t *ret);
/* By the security modules, from the next execve on. Where our /proc can be opened. */
int exec_confine(const struct box *b, struct err *err) __attribute__((warn_unused_result));
_Noreturn void exec_workload(struct box *b);
