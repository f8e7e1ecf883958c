/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock (Linux 5.13; landlock(7)): what this process and its children may do with files that
 * they open by name, for good and whoever they are. Descriptors that are open stay what they are.
 */
#pragma once
#include <stdbool.h>

struct err;

enum landlock_powers {
	LANDLOCK_READ = 1 << 0, /* files and directories */
	LANDLOCK_WRITE = 1 << 1, /* and make, rename, remove */
	LANDLOCK_EXECUTE = 1 << 2,
};

/*
 * Below dir the powers named, elsewhere none; no TCP port is bound, no process outside is signalled
 * and no abstract socket outside is reached, where the kernel knows how to refuse that. The process
 * gains nothing by executing from here on (no_new_privs). 0 also where there is no Landlock, which
 * is a second lock: what calls this does not rely on it. Linux 5.13 to 5.18 refuse hard links and
 * renames from one directory to another whatever is allowed, so there WRITE leaves all as it was.
 */
int landlock_confine(int dir, unsigned powers, struct err *err) __attribute__((warn_unused_result));

enum landlock_scopes {
	LANDLOCK_SIGNALS = 1 << 0, /* no process outside is signalled */
	LANDLOCK_SOCKETS = 1 << 1, /* no abstract socket outside is reached */
};
/* For this process and its children, which trace no process outside either (which is also how
 * /proc leads to its files); files are as before. Before Linux 6.12 ERR_UNSUPPORTED for signals,
 * since who asks for that relies on it, and nothing for sockets alone. The caller has CAP_SYS_ADMIN
 * or no_new_privs. */
int landlock_scope(unsigned scopes, struct err *err) __attribute__((warn_unused_result));
bool landlock_scopes_signals(void); /* would it work? */
