/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls of a sandbox's processes init is asked. */
#include "run/ids_internal.h"

#include "base/mem.h"
#include "run/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOW_HALF(of) (offsetof(struct seccomp_data, of) + 4)
#else
#define LOW_HALF(of) offsetof(struct seccomp_data, of)
#endif

/*
 * Of these only some: who asks for no owner is not kept waiting for one, nor who follows a link.
 * Such a stat(2) is the most frequent of all, and what shells ask for between signals: one that
 * comes before init looks has it fail with EINTR, and "test -e" say no.
 */
static const struct unless {
	uint32_t nr, bits; /* none of them is in the fourth argument */
} unless[] = {
	{SYS_statx, STATX_UID | STATX_GID},
	{CALL_FSTATAT, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH},
#ifdef CALL_UTIMENSAT
	{CALL_UTIMENSAT, AT_SYMLINK_NOFOLLOW},
#endif
};
#define UNLESS_LEN 5

static void let_pass(struct sock_filter f[UNLESS_LEN], const struct unless *u)
{
	const struct sock_filter those[UNLESS_LEN] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, u->nr, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(args[3])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, u->bits, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	memcpy(f, those, sizeof(those));
}

/*
 * PR_SET_KEEPCAPS is all of prctl(2) that init is asked. Who sets RLIMIT_RSS, as pam_limits(8) does
 * in su(1), is told that it is done: who a process is stands there (ids.c).
 */
static const struct sock_filter of_identity[] = {
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 4),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(args[0])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_KEEPCAPS, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_setrlimit
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setrlimit, 0, 4),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(args[0])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RLIMIT_RSS, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#endif
	/* an old one that is asked for, too, would have to be told */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 9),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(args[1])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RLIMIT_RSS, 0, 6),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(args[2])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(args[3])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
};

/* A signal that comes while init answers waits (Linux 5.19): else programs whose handlers are
 * without SA_RESTART would see EINTR, which no such call gives. */
static int listen_with(const struct sock_fprog *prog, unsigned flags)
{
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, prog);
}

int ids_listen(const uint32_t nrs[], size_t n_nrs)
{
	AUTO_FREE struct sock_filter *f = xcalloc(
		n_nrs + ARRAY_LEN(unless) * UNLESS_LEN + ARRAY_LEN(of_identity) + 6, sizeof(*f));
	size_t n = 0;
	/* programs of another architecture are not told anything */
	f[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	f[n++] = (struct sock_filter)BPF_JUMP(
		BPF_JMP | BPF_JEQ | BPF_K, seccomp_native_arch(), 1, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ARRAY_LEN(unless); i++, n += UNLESS_LEN)
		let_pass(f + n, &unless[i]);
	memcpy(f + n, of_identity, sizeof(of_identity));
	n += ARRAY_LEN(of_identity);
	for (size_t i = 0; i < n_nrs; i++)
		f[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, nrs[i], (uint8_t)(n_nrs - i), 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	const struct sock_fprog prog = {.len = (unsigned short)n, .filter = f};
	int listener = listen_with(&prog, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	return listener < 0 && errno == EINVAL ? listen_with(&prog, 0) : listener;
}
