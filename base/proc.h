/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: programs that are executed by absolute path, with a clean environment and only
 * the descriptors that are named; signals to their parent. Forked copies of ourselves: base/job.h.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct buf;

/* Keeps SIGINT, SIGTERM, SIGQUIT and SIGHUP for proc_interrupted(), but for those that are ignored,
 * until proc_release(). For who has something to take back before he ends. */
void proc_hold(sigset_t *ret_before);
void proc_release(const sigset_t *before);
#define AUTO_HELD __attribute__((cleanup(proc_release)))
/* As by nohup(1): whoever blocks such a signal would get it all the same. */
bool proc_ignores(int sig);
/* Has SIGINT, SIGTERM, SIGQUIT or SIGHUP come for who has blocked them? ERR_CANCELLED with its
 * name, and its number in sys; it is taken. For what may take long and waits for nothing. */
int proc_interrupted(struct err *err) __attribute__((warn_unused_result));

struct proc_opts {
	const char *const *env; /* NULL: only PATH */
	int in, out, errfd; /* -1: /dev/null; else dup'ed */
	int keep_fd; /* one descriptor passed on as 3, -1 none */
	uint64_t max_file; /* bytes that it can write to one file; 0: any number */
	bool no_new_privs; /* a setuid or setgid bit of the program has no effect */
	bool own_session; /* kill(-pid) reaches its children too; it has no terminal */
	bool own_mounts; /* what it mounts or unmounts stays its own, where that can be had */
};
/* file: absolute path. *ret_pid: to be waited for. */
int proc_spawn(const char *file, const char *const argv[], const struct proc_opts *o,
	pid_t *ret_pid, struct err *err) __attribute__((warn_unused_result));
/* spawn, read stdout up to max into *out, wait. Exit status in *ret_status; ERR_NOT_FOUND: no such
 * program; ERR_LIMIT. */
int proc_run(const char *file, const char *const argv[], const char *input, size_t max_out,
	struct buf *out, int *ret_status, struct err *err) __attribute__((warn_unused_result));
/* Absolute path of a helper program in the trusted directories (/usr/local/bin, /usr/bin, /bin and
 * the sbins), never the working directory; NULL when missing. New string. */
char *proc_find(const char *name);
/* Exit status as a shell would say it: 128+n for signal n. */
int proc_status(int wstatus);
/* waitpid that restarts */
int proc_wait(pid_t pid, int *ret_wstatus);
/* What the process or thread is called in `proc`, a /proc that may show a pid namespace around
 * ours; -1 and errno. A thread that is not its process's first needs Linux 6.9. */
pid_t proc_number(int proc, pid_t pid);
/* Closes first..last (~0U: all from first on); one at a time where close_range(2) is refused. 0 or
 * -1 with errno. */
int proc_close_fds(unsigned first, unsigned last) __attribute__((warn_unused_result));
/* What a forked child does first: no handler of the parent runs in it, and it does not outlive the
 * parent. A hang-up that the parent does not heed is none of its business either. */
void proc_child_setup(pid_t parent);
/* The parent of pid (digits) in the /proc that is open as procfs; -1: there is no such process. */
pid_t proc_parent(int procfs, const char *pid);
