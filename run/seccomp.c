/* SPDX-License-Identifier: Apache-2.0 */
#include "run/seccomp.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "run/seccomp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSTALLED_PROFILE "/usr/share/containers/seccomp.json"
#define PROFILE_MAX (4 * MIB)

/* The kernel reads these arguments as 32 bits, whatever stands above them. */
#define IS_INT(i, v)                                                                               \
	{                                                                                          \
		.index = (i), .op = OP_MASKED_EQ, .value = UINT32_MAX, .value_two = (v)            \
	}
static const struct seccomp_rule hardening[] = {
	/* typing into a terminal that is shared with the host */
	{.names = "ioctl",
		.action = SECCOMP_RET_ERRNO | EPERM,
		.n_args = 1,
		.args = {IS_INT(1, TIOCSTI)}},
	{.names = "ioctl",
		.action = SECCOMP_RET_ERRNO | EPERM,
		.n_args = 1,
		.args = {IS_INT(1, TIOCLINUX)}},
	/* kernel crypto, a large surface that no build needs; vsock, which reaches the hypervisor
           whatever the net namespace */
	{.names = "socket",
		.action = SECCOMP_RET_ERRNO | EAFNOSUPPORT,
		.n_args = 1,
		.args = {IS_INT(0, AF_ALG)}},
	{.names = "socket",
		.action = SECCOMP_RET_ERRNO | EAFNOSUPPORT,
		.n_args = 1,
		.args = {IS_INT(0, AF_VSOCK)}},
	/* what root says there is in the machine's audit log, whatever its namespaces; programs
           take it for a kernel without one */
	{.names = "socket",
		.action = SECCOMP_RET_ERRNO | EINVAL,
		.n_args = 2,
		.args = {IS_INT(0, AF_NETLINK), IS_INT(2, NETLINK_AUDIT)},
		.without_caps = 1ULL << CAP_AUDIT_CONTROL | 1ULL << CAP_AUDIT_READ},
	/* keyrings have no namespace */
	{.names = "add_key keyctl request_key", .action = SECCOMP_RET_ERRNO | EPERM},
};

/* Who sets his limit of "core" is told that it is done, for scripts do it and go on: at another
 * than 1 the machine's handler of crashes would be started (rlimits.c), at 0, too. */
static const struct seccomp_rule core[] = {
	{.names = "setrlimit",
		.action = SECCOMP_RET_ERRNO,
		.n_args = 1,
		.args = {IS_INT(0, RLIMIT_CORE)}},
	{.names = "prlimit64",
		.action = SECCOMP_RET_ERRNO,
		.n_args = 4,
		.args = {IS_INT(0, 0), IS_INT(1, RLIMIT_CORE), {.index = 2, .op = OP_NE},
			{.index = 3, .op = OP_EQ}}},
	/* another's; or the old one would have to be told */
	{.names = "prlimit64",
		.action = SECCOMP_RET_ERRNO | EPERM,
		.n_args = 2,
		.args = {IS_INT(1, RLIMIT_CORE), {.index = 2, .op = OP_NE}}},
};

static void add_rules(struct seccomp_document *d, const struct seccomp_rule *rules, size_t n)
{
	d->rules = xreallocarray(d->rules, d->n + n, sizeof(*rules));
	memcpy(d->rules + d->n, rules, n * sizeof(*rules));
	d->n += n;
}

static int load_profile(
	struct seccomp_document *d, const char *profile, unsigned flags, struct err *err)
{
	if (flags & SECCOMP_KEEP_CORE)
		add_rules(d, core, ARRAY_LEN(core));
	if (!profile)
		add_rules(d, hardening, ARRAY_LEN(hardening));
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	const char *path = profile ? profile : INSTALLED_PROFILE;
	int r = fs_read_file(AT_FDCWD, path, PROFILE_MAX, &text, &len, err);
	if (r == ERR_NOT_FOUND && !profile) {
		err_clear(err);
		add_rules(d, seccomp_builtin.rules, seccomp_builtin.n_rules);
		d->fallback = seccomp_builtin.fallback;
		seccomp_document_usual_arches(d);
		return 0;
	}
	if (r == 0)
		r = seccomp_document_parse(d, text, len, path, err);
	if (r < 0)
		return err_wrap(err, "seccomp profile '%s'", path);
	return 0;
}

int seccomp_filter(const char *profile, uint64_t caps, unsigned flags,
	const struct sock_fprog **ret, struct err *err)
{
	static const struct sock_fprog unconfined;
	/* One build uses one profile; a second one replaces the cache, the first stays valid for
	 * who holds it. */
	static struct cached {
		char *profile;
		uint64_t caps;
		unsigned flags;
		struct sock_fprog prog;
		struct cached *older;
	} * cache;

	if (profile && streq(profile, "unconfined")) {
		*ret = &unconfined;
		return 0;
	}
	for (struct cached *c = cache; c; c = c->older) {
		if (c->caps == caps && c->flags == flags && streq_null(c->profile, profile)) {
			*ret = &c->prog;
			return 0;
		}
	}
	AUTO_SECCOMP_DOCUMENT struct seccomp_document d = {0};
	int r = load_profile(&d, profile, flags, err);
	if (r < 0)
		return r;
	struct seccomp_profile p = {.fallback = d.fallback, .rules = d.rules, .n_rules = d.n};
	struct sock_fprog prog;
	r = seccomp_compile(&p, caps, d.arches, d.n_arches, &prog, err);
	if (r < 0)
		return err_wrap(err, "seccomp profile '%s'", profile ? profile : "default");
	struct cached *c = xcalloc(1, sizeof(*c));
	c->profile = profile ? xstrdup(profile) : NULL;
	c->caps = caps;
	c->flags = flags;
	c->prog = prog;
	c->older = cache;
	cache = c;
	*ret = &c->prog;
	return 0;
}

int seccomp_keep_others(const struct sock_fprog **ret, struct err *err)
{
	/* 0 is who calls, or its group; reading is no change; a user's processes are everybody's */
	static const struct seccomp_rule rules[] = {
		{.names = "prlimit64",
			.action = SECCOMP_RET_ERRNO | EPERM,
			.n_args = 2,
			.args = {{.index = 0, .op = OP_NE}, {.index = 2, .op = OP_NE}}},
		{.names = "sched_setaffinity sched_setattr sched_setparam sched_setscheduler",
			.action = SECCOMP_RET_ERRNO | EPERM,
			.n_args = 1,
			.args = {{.index = 0, .op = OP_NE}}},
		{.names = "ioprio_set setpriority",
			.action = SECCOMP_RET_ERRNO | EPERM,
			.n_args = 1,
			.args = {{.index = 1, .op = OP_NE}}},
		{.names = "ioprio_set",
			.action = SECCOMP_RET_ERRNO | EPERM,
			.n_args = 1,
			.args = {IS_INT(0, IOPRIO_WHO_USER)}},
		{.names = "setpriority",
			.action = SECCOMP_RET_ERRNO | EPERM,
			.n_args = 1,
			.args = {IS_INT(0, PRIO_USER)}},
	};
	static const struct seccomp_profile p = {
		.fallback = SECCOMP_RET_ALLOW, .rules = rules, .n_rules = ARRAY_LEN(rules)};
	static struct sock_fprog prog;
	AUTO_SECCOMP_DOCUMENT struct seccomp_document d = {0};
	seccomp_document_usual_arches(&d);
	if (!prog.len && seccomp_compile(&p, 0, d.arches, d.n_arches, &prog, err) < 0)
		return err->code;
	*ret = &prog;
	return 0;
}

const char *seccomp_source(void)
{
	return access(INSTALLED_PROFILE, R_OK) == 0 ? INSTALLED_PROFILE : "built in";
}

int seccomp_apply(const struct sock_fprog *filter, struct err *err)
{
	if (filter->len == 0)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) < 0)
		return err_sys(err, "cannot install the seccomp filter");
	return 0;
}
