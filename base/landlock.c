/* SPDX-License-Identifier: Apache-2.0 */
#include "base/landlock.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What came after the first version; headers may be older than the kernel. */
#define FS_REFER (1ULL << 13) /* 2: Linux 5.19 */
#define FS_TRUNCATE (1ULL << 14) /* 3: 6.2 */
#define NET_BIND_TCP (1ULL << 0) /* 4: 6.7 */
#define FS_IOCTL_DEV (1ULL << 15) /* 5: 6.10 */
#define SCOPE_SOCKETS (1ULL << 0) /* 6: 6.12 */
#define SCOPE_SIGNALS (1ULL << 1)

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                    \
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                        \
		LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                      \
		LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | FS_REFER |           \
		FS_TRUNCATE)

/* struct landlock_ruleset_attr of the sixth version */
struct ruleset {
	uint64_t fs, net, scoped;
};

static size_t ruleset_size(long version)
{
	return version >= 6 ? sizeof(struct ruleset) : version >= 4 ? 16 : 8;
}

static uint64_t known_fs(long version)
{
	uint64_t set = FS_READ | FS_WRITE | LANDLOCK_ACCESS_FS_EXECUTE | FS_IOCTL_DEV;
	if (version < 5)
		set &= ~FS_IOCTL_DEV;
	if (version < 3)
		set &= ~FS_TRUNCATE;
	if (version < 2)
		set &= ~FS_REFER;
	return set;
}

/* 0: not in this kernel, switched off, or kept from us by the filter of a container */
static long known_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return version < 0 ? 0 : version;
}

bool landlock_scopes_signals(void)
{
	return known_version() >= 6;
}

int landlock_scope(unsigned scopes, struct err *err)
{
	const struct ruleset r = {.scoped = (scopes & LANDLOCK_SIGNALS ? SCOPE_SIGNALS : 0) |
	                                    (scopes & LANDLOCK_SOCKETS ? SCOPE_SOCKETS : 0)};
	bool here = landlock_scopes_signals();
	if (!scopes || (!here && !(scopes & LANDLOCK_SIGNALS)))
		return 0;
	if (!here)
		return err_set(err, ERR_UNSUPPORTED,
			"this kernel has no Landlock that keeps processes from signalling others "
			"(Linux 6.12)");
	AUTO_FD int set = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
	if (set < 0 || syscall(SYS_landlock_restrict_self, set, 0) < 0)
		return err_sys(err, "cannot confine the process (Landlock)");
	return 0;
}

int landlock_confine(int dir, unsigned powers, struct err *err)
{
	long version = known_version();
	if (version < 1 || (version < 2 && powers & LANDLOCK_WRITE))
		return 0;
	const struct ruleset r = {.fs = known_fs(version),
		.net = version >= 4 ? NET_BIND_TCP : 0,
		.scoped = version >= 6 ? SCOPE_SOCKETS | SCOPE_SIGNALS : 0};
	uint64_t allowed = (powers & LANDLOCK_READ ? FS_READ : 0) |
	                   (powers & LANDLOCK_WRITE ? FS_WRITE : 0) |
	                   (powers & LANDLOCK_EXECUTE ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
	const struct landlock_path_beneath_attr below = {
		.allowed_access = allowed & r.fs, .parent_fd = dir};
	AUTO_FD int set = (int)syscall(SYS_landlock_create_ruleset, &r, ruleset_size(version), 0);
	if (set < 0 ||
		(below.allowed_access && syscall(SYS_landlock_add_rule, set,
						 LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0) ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_landlock_restrict_self, set, 0) < 0)
		return err_sys(err, "cannot confine the process (Landlock)");
	return 0;
}
