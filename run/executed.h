/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has been executed, looked at before it does anything. A process of another box, in a volume
 * or a cache that both have, may exchange the program for "/proc/self/exe" when exec.c has looked
 * and the kernel has not: then it is our own program, with a loader and libraries of the image's,
 * which could open it and, once nobody runs it, overwrite it (CVE-2019-5736). So the workload
 * stops right after its execve (ptrace(2)), and init looks.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct box;
struct run_spec;

/* By the caller. Not in a chroot, in which there is no /proc to find our program by, nor under a
 * label of SELinux: whether one may be traced who is to have it the policy says, and one that
 * confines anything lets nobody write to programs of the machine. */
bool executed_allowed(const struct run_spec *s);
/* By the workload, a child of init's, while it has all its power. Nothing is looked at where that
 * is not allowed, where it may not be traced, or would so lose what a set-user-ID bit gives. */
void executed_stop(const struct box *b);
/* By init: a directory /proc/PID, or -1; to be opened where a /proc shows it. Also notes which our
 * own program is. */
int executed_open(const struct box *b, int proc, pid_t pid);
/* By init, when waitpid(2) says of the workload that it is stopped: lets it go on. False: it is our
 * own program. *process: of executed_open(), which is closed with this. */
bool executed_look(int *process, pid_t pid, int how);
