/* SPDX-License-Identifier: Apache-2.0 */
/* The process that the workload runs below, and what becomes the workload. */
#pragma once
#include <signal.h>
#include <stdbool.h>

struct box;
struct err;
struct ids;

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
	int process; /* /proc/PID of the workload, or -1 (executed.h) */
	int proc; /* where no pid namespace ends the rest: a /proc that shows us; else -1 */
	int signals; /* a signalfd that is only looked at; -1: nobody asks us anything */
	struct ids *ids;
	int sock; /* where the workload's listener comes from */
};
#define WATCH_INIT                                                                                 \
	{                                                                                          \
		.status = -1, .process = -1, .proc = -1, .signals = -1, .sock = -1                 \
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
/* The next of our children that has ended, 0: none. A workload that has been executed as our own
 * program has ended with status 126. */
pid_t init_next_end(struct watch *w, pid_t workload, int *ret_how);
/* By the security modules, from the next execve on. Where our /proc can be opened. */
int exec_confine(const struct box *b, struct err *err) __attribute__((warn_unused_result));
_Noreturn void exec_workload(struct box *b);
