/* SPDX-License-Identifier: Apache-2.0 */
/* What answering a call (ids.c) shares with chown (ids_chown.c) and stat (ids_stat.c). */
#pragma once
#include "run/ids.h"

#include <limits.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

struct stat;

#define GROUPS_MAX 64 /* supplementary ones of one process; more are EINVAL, as the kernel has it */
#define SAME ((uint32_t)-1)

/* Without padding: two are compared as bytes. */
struct cred {
	uint64_t keeps_in; /* call_memory() of who keeps its capabilities (PR_SET_KEEPCAPS), 0 */
	uint32_t uid[3], gid[3]; /* real, effective, saved */
	uint64_t n_groups;
	uint32_t groups[GROUPS_MAX];
};

struct owner {
	uint32_t uid, gid;
};

/* What the command tells of itself when it begins. */
struct beginning {
	struct owner user;
	bool serves; /* it may serve a file system itself */
};

struct ids {
	int proc;
	bool around; /* proc is of another pid namespace than the pids of the calls */
	int listener;
	struct beginning told;
	struct timespec begun;
	struct cred **creds; /* creds[0] is root; they never change and never go */
	size_t n_creds;
};

/* One call that is being answered. */
struct call {
	struct ids *s;
	const struct seccomp_notif *n;
	struct cred cred; /* a copy of the caller's */
};

/* What a call is answered with whose answer the kernel knows as well, and better. */
#define CALL_GO_ON INT_MIN

static inline uint32_t call_arg(const struct call *c, unsigned i)
{
	return (uint32_t)c->n->data.args[i];
}

static inline bool call_is_root(const struct call *c)
{
	return c->cred.uid[1] == 0;
}

/* ids_path.c */

/* n bytes of the caller's memory; -EFAULT */
int call_read(const struct call *c, uint64_t at, void *to, size_t n);
int call_write(const struct call *c, uint64_t at, const void *from, size_t n);
/* -EFAULT, -ENAMETOOLONG */
int call_read_path(const struct call *c, uint64_t at, char to[PATH_MAX]);
/* Tells what the caller executes from what it did or will; 0: it cannot be seen. */
uint64_t call_memory(const struct call *c);
/* Is what was read still of the call that is being answered, or of a process that took its number?
 * To be asked after the last of it. */
bool call_still_there(const struct call *c);
/* As O_PATH what the caller has as fd, or AT_FDCWD; what it reaches by a path, and no more; -1 */
int call_open_fd(const struct call *c, int fd);
int call_open_path(const struct call *c, int dirfd, const char *path, bool follow);
/* openat2(2) with O_PATH, for ourselves */
int call_open_at(int dir, const char *path, uint64_t flags, uint64_t resolve);
/* The directory that fd, which is one of these, has a name in: in `where`, from *ret_name on. -1:
 * in none. */
int call_open_directory(const struct call *c, int fd, char where[PATH_MAX], const char **ret_name);
/* st is what fstat(2) said of fd, which is one of these: puts in the owner that is kept. false:
 * nobody has said whose it is. */
bool call_owner(const struct call *c, int fd, struct stat *st);

/* Those that have room for any user's number. */
#if __SIZEOF_LONG__ == 8
#define CALL_UTIMENSAT SYS_utimensat /* with times as we have them */
#define CALL_FSTAT SYS_fstat
#define CALL_FSTATAT SYS_newfstatat
#ifdef SYS_lstat
#define CALL_LSTAT SYS_lstat
#endif
#else
#define CALL_FSTAT SYS_fstat64
#define CALL_FSTATAT SYS_fstatat64
#define CALL_LSTAT SYS_lstat64
#endif

/* ids_filter.c: a descriptor, or -1. By who is to be filtered. */
int ids_listen(const uint32_t nrs[], size_t n_nrs);

/* ids_chown.c: 0, a negative errno, or CALL_GO_ON */

int call_chown_path(
	const struct call *c, int dirfd, uint64_t path_at, const uint32_t owner[2], int flags);
int call_chown_fd(const struct call *c);
/* The path is the first argument. flags: AT_... */
int call_chown_named(struct call *c, int flags);

/* ids_stat.c: 0, or CALL_GO_ON. `at`: which argument the struct stat is. flags: AT_... */

int call_stat_fd(const struct call *c);
int call_stat_path(const struct call *c, int dirfd, unsigned path, unsigned at, int flags);
int call_statx(const struct call *c);

/* What a path, empty or none with AT_EMPTY_PATH, and these flags mean; -1 */
int call_open_meant(const struct call *c, int dirfd, uint64_t path_at, int flags);

/* ids_times.c: 0, a negative errno, or CALL_GO_ON */

int call_set_times(const struct call *c);

/* ids_stat_layout.c: the kernel's struct stat, of 64 bits */
struct stat_layout {
	size_t size, uid, gid;
};
extern const struct stat_layout stat_layout;
