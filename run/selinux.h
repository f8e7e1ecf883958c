/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SELinux: what a command is called, and its files (layers/label.h). The kernel's own file system
 * answers, no library: a label is what the policy that is loaded knows and lets us use.
 */
#pragma once
#include <stdbool.h>

struct err;

bool selinux_is_active(void);

/* What --security-opt label= says, NULL where it says nothing. Borrowed. */
struct selinux_wish {
	bool disable;
	const char *user, *role, *type, *level, *filetype;
};

/* In the end of each of these strings are the categories of this command alone, unless a level was
 * wished for; a policy without levels has none. */
struct selinux_labels {
	char *process, *files;
	char *shared; /* of files: without categories */
};

/*
 * *ret: all NULL where nothing is to be labelled: there is no SELinux, or nothing was wished for
 * and the policy has no type for containers, or does not let us use it.
 * ERR_UNSUPPORTED: a wish and no SELinux; ERR_INVALID: the policy does not know it; ERR_DENIED: it
 * does not let us.
 */
int selinux_choose(const struct selinux_wish *wish, struct selinux_labels *ret, struct err *err)
	__attribute__((warn_unused_result));
/* What this process executes next has this label. proc: a /proc that shows us. */
int selinux_set(int proc, const char *label, struct err *err) __attribute__((warn_unused_result));
