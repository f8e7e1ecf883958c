/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many users where the user namespace knows one. The kernel refuses chown(2) and setuid(2) to
 * anybody else there, and programs take that for an error: no package could be installed. A seccomp
 * filter hands these calls to the sandbox's init instead (seccomp_unotify(2)), which answers as the
 * kernel would if there were such users:
 *
 *	chown and its kin      checked against who the caller is, carried out as far as the kernel
 *	                       goes (set-ID bits fall, read-only is read-only), and recorded
 *	                       (base/owner.h), so that the layer has the right owner
 *	fstat, lstat, statx    with the owner that is recorded; all others, and what init does not
 *	                       reach as the caller would, are the kernel's to answer. stat(2) that
 *	                       follows links goes on to show root (ids_filter.c says why), and
 *	                       they all do where there is a device of FUSE
 *	utimensat of a link    which leaves the owner in it
 *	setuid, setgroups ...  recorded; getuid and its kin answer accordingly
 *
 * Who a process is follows it through fork and execve as an index into a table of ours, in the soft
 * limit RLIMIT_RSS, which does nothing in Linux since 2.4.30, and is not theirs to set. Rights do
 * not follow: who became another user can still read and write what is ours.
 *
 * Init answers from within the sandbox: it has its root, and resolves every path there.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct err;
struct ids;

/* By the workload, before it becomes uid:gid: loads the filter and sends its listener to `sock`.
 * serves: it has been given a device by which it may serve a file system. */
int ids_install(int sock, uid_t uid, gid_t gid, bool serves, struct err *err)
	__attribute__((warn_unused_result));

/* By init. proc: a /proc of init's pid namespace, to which the pids of the calls belong; or,
 * around, of one around it, where the same processes have other numbers. */
struct ids *ids_new(int proc, bool around);
/* Takes what ids_install() sent; -1: it ended before. */
int ids_receive(struct ids *s, int sock);
int ids_listener(const struct ids *s);
/* The two descriptors that it goes on to need, and where they have been moved to. */
void ids_keep(const struct ids *s, int ret_fds[2]);
void ids_moved(struct ids *s, int listener, int proc);
/* Answers one call; to be called when the listener is readable. -1: nobody is left to ask. */
int ids_answer(struct ids *s);
