/* SPDX-License-Identifier: Apache-2.0 */
#include "run/seccomp.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/mem.h"
#include "base/strv.h"
#include "run/caps.h"
#include "run/seccomp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSTALLED_PROFILE "/usr/share/containers/seccomp.json"
#define PROFILE_MAX (4 * MIB)
#define RULES_MAX 4096
#define ARCHES_MAX 4

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
	/* keyrings have no namespace */
	{.names = "add_key keyctl request_key", .action = SECCOMP_RET_ERRNO | EPERM},
};

/* A profile read from a document, with the memory behind it. */
struct document {
	struct seccomp_rule *rules;
	size_t n;
	struct strv strings;
	uint32_t fallback;
	uint32_t arches[ARCHES_MAX];
	size_t n_arches;
};

static void document_done(struct document *d)
{
	free(d->rules);
	strv_done(&d->strings);
}
#define AUTO_DOCUMENT __attribute__((cleanup(document_done)))

static int parse_action(const char *name, int64_t data, uint32_t *ret, struct err *err)
{
	static const struct {
		const char *name;
		uint32_t action;
		bool has_data;
	} actions[] = {
		{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false},
		{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true},
		{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false},
		{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false},
		{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
		{"SCMP_ACT_LOG", SECCOMP_RET_LOG, false},
		{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true},
		{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false},
	};
	for (size_t i = 0; name && i < ARRAY_LEN(actions); i++) {
		if (!streq(name, actions[i].name))
			continue;
		if (data < 0 || data > SECCOMP_RET_DATA)
			return err_set(
				err, ERR_INVALID, "errnoRet %lld is out of range", (long long)data);
		*ret = actions[i].action | (actions[i].has_data ? (uint32_t)data : 0);
		return 0;
	}
	if (name && streq(name, "SCMP_ACT_NOTIFY"))
		return err_set(err, ERR_UNSUPPORTED, "action SCMP_ACT_NOTIFY is not supported");
	return err_set(err, ERR_INVALID, "unknown action '%s'", name ? name : "");
}

static int parse_op(const char *name, enum seccomp_op *ret, struct err *err)
{
	static const struct {
		const char *name;
		enum seccomp_op op;
	} ops[] = {
		{"SCMP_CMP_NE", OP_NE},
		{"SCMP_CMP_LT", OP_LT},
		{"SCMP_CMP_LE", OP_LE},
		{"SCMP_CMP_EQ", OP_EQ},
		{"SCMP_CMP_GE", OP_GE},
		{"SCMP_CMP_GT", OP_GT},
		{"SCMP_CMP_MASKED_EQ", OP_MASKED_EQ},
	};
	for (size_t i = 0; name && i < ARRAY_LEN(ops); i++) {
		if (streq(name, ops[i].name)) {
			*ret = ops[i].op;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "unknown comparison '%s'", name ? name : "");
}

static int parse_args(const struct json *args, struct seccomp_rule *rule, struct err *err)
{
	if (json_size(args) > SECCOMP_ARGS_MAX)
		return err_set(err, ERR_INVALID, "more than %d arguments", SECCOMP_ARGS_MAX);
	for (size_t i = 0; i < json_size(args); i++) {
		const struct json *a = json_at(args, i);
		int64_t index = json_int(json_get(a, "index"));
		if (index < 0 || index >= SECCOMP_ARGS_MAX)
			return err_set(
				err, ERR_INVALID, "argument %lld does not exist", (long long)index);
		struct seccomp_arg *arg = &rule->args[rule->n_args++];
		arg->index = (unsigned)index;
		arg->value = (uint64_t)json_int(json_get(a, "value"));
		arg->value_two = (uint64_t)json_int(json_get(a, "valueTwo"));
		int r = parse_op(json_text(json_get(a, "op")), &arg->op, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Unknown capabilities are newer than this kernel: nobody has them, so a rule that needs one does
 * not apply, and one that excludes it does. */
static uint64_t parse_caps(const struct json *names, bool *ret_unknown)
{
	uint64_t set = 0;
	*ret_unknown = false;
	for (size_t i = 0; i < json_size(names); i++) {
		const char *name = json_text(json_at(names, i));
		int n = name ? caps_number(name) : -1;
		if (n < 0)
			*ret_unknown = true;
		else
			set |= 1ULL << n;
	}
	return set;
}

static bool has_kernel(const char *want)
{
	return !want || kernel_at_least(want);
}

/* The strings of an array, joined by blanks; kept by d. */
static const char *join_words(struct document *d, const struct json *array)
{
	struct buf b = BUF_INIT(MIB);
	for (size_t i = 0; i < json_size(array); i++) {
		const char *s = json_text(json_at(array, i));
		if (s)
			buf_addf(&b, "%s%s", b.len ? " " : "", s);
	}
	strv_add(&d->strings, buf_str(&b));
	buf_done(&b);
	return d->strings.v[d->strings.n - 1];
}

static int parse_rule(struct document *d, const struct json *o, struct err *err)
{
	const struct json *includes = json_get(o, "includes"), *excludes = json_get(o, "excludes");
	struct seccomp_rule rule = {0};
	int64_t data = EPERM;
	int r = json_get_int(o, "syscalls", "errnoRet", &data, err);
	if (r == 0)
		r = parse_action(json_text(json_get(o, "action")), data, &rule.action, err);
	if (r == 0)
		r = parse_args(json_get(o, "args"), &rule, err);
	if (r < 0)
		return r;

	bool unknown;
	rule.need_caps = parse_caps(json_get(includes, "caps"), &unknown);
	if (unknown)
		return 0;
	rule.without_caps = parse_caps(json_get(excludes, "caps"), &unknown);
	if (!has_kernel(json_text(json_get(includes, "minKernel"))))
		return 0;
	const struct json *minimum = json_get(excludes, "minKernel");
	if (minimum && has_kernel(json_text(minimum)))
		return 0;
	if (json_size(json_get(includes, "arches")) > 0)
		rule.arches = join_words(d, json_get(includes, "arches"));
	if (json_get(o, "names")) {
		rule.names = join_words(d, json_get(o, "names"));
	} else {
		const char *one = json_text(json_get(o, "name")); /* docker's first format */
		if (!one)
			return err_set(err, ERR_INVALID, "rule %zu names no system call", d->n);
		strv_add(&d->strings, one);
		rule.names = d->strings.v[d->strings.n - 1];
	}
	d->rules[d->n++] = rule;
	return 0;
}

static void add_arch(struct document *d, uint32_t arch)
{
	for (size_t i = 0; i < d->n_arches; i++)
		if (d->arches[i] == arch)
			return;
	if (d->n_arches < ARCHES_MAX)
		d->arches[d->n_arches++] = arch;
}

static uint32_t parse_arch(const char *name)
{
	char lower[32];
	if (!name || !str_has_prefix(name, "SCMP_ARCH_"))
		return 0;
	size_t n = 0;
	for (const char *s = name + strlen("SCMP_ARCH_"); *s && n + 1 < sizeof(lower); s++)
		lower[n++] = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
	lower[n] = '\0';
	uint32_t arch = seccomp_arch_resolve_name(lower);
	return arch == SCMP_ARCH_X32 ? 0 : arch;
}

/* The native architecture and those that the profile adds to it. */
static void parse_arches(struct document *d, const struct json *root)
{
	uint32_t native = seccomp_arch_native();
	add_arch(d, native);
	const struct json *list = json_get(root, "architectures");
	for (size_t i = 0; i < json_size(list); i++) {
		uint32_t arch = parse_arch(json_text(json_at(list, i)));
		if (arch)
			add_arch(d, arch);
	}
	const struct json *map = json_get(root, "archMap");
	for (size_t i = 0; i < json_size(map); i++) {
		const struct json *entry = json_at(map, i);
		if (parse_arch(json_text(json_get(entry, "architecture"))) != native)
			continue;
		const struct json *sub = json_get(entry, "subArchitectures");
		for (size_t j = 0; j < json_size(sub); j++) {
			uint32_t arch = parse_arch(json_text(json_at(sub, j)));
			if (arch)
				add_arch(d, arch);
		}
	}
}

static void builtin_arches(struct document *d)
{
	uint32_t native = seccomp_arch_native();
	add_arch(d, native);
	if (native == SCMP_ARCH_X86_64)
		add_arch(d, SCMP_ARCH_X86);
	else if (native == SCMP_ARCH_AARCH64)
		add_arch(d, SCMP_ARCH_ARM);
	else if (native == SCMP_ARCH_S390X)
		add_arch(d, SCMP_ARCH_S390);
}

static int parse_document(
	struct document *d, const char *text, size_t len, const char *path, struct err *err)
{
	AUTO_JSON struct json *root = NULL;
	int r = json_parse(text, len, path, &root, err);
	if (r < 0)
		return r;
	struct json *list = NULL;
	int64_t data = EPERM;
	r = json_get_int(root, path, "defaultErrnoRet", &data, err);
	if (r == 0)
		r = json_get_kind(root, path, "syscalls", JSON_KIND_ARRAY, &list, err);
	if (r == 0)
		r = parse_action(
			json_text(json_get(root, "defaultAction")), data, &d->fallback, err);
	if (r < 0)
		return r;
	if (json_size(list) > RULES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d rules", RULES_MAX);
	d->rules = xreallocarray(d->rules, d->n + json_size(list) + 1, sizeof(*d->rules));
	for (size_t i = 0; i < json_size(list); i++) {
		r = parse_rule(d, json_at(list, i), err);
		if (r < 0)
			return r;
	}
	parse_arches(d, root);
	return 0;
}

static int load_profile(struct document *d, const char *profile, struct err *err)
{
	if (!profile) {
		d->rules = xmemdup(hardening, sizeof(hardening));
		d->n = ARRAY_LEN(hardening);
	}
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	const char *path = profile ? profile : INSTALLED_PROFILE;
	int r = fs_read_file(AT_FDCWD, path, PROFILE_MAX, &text, &len, err);
	if (r == ERR_NOT_FOUND && !profile) {
		err_clear(err);
		d->rules =
			xreallocarray(d->rules, d->n + seccomp_builtin.n_rules, sizeof(*d->rules));
		memcpy(d->rules + d->n, seccomp_builtin.rules,
			seccomp_builtin.n_rules * sizeof(*d->rules));
		d->n += seccomp_builtin.n_rules;
		d->fallback = seccomp_builtin.fallback;
		builtin_arches(d);
		return 0;
	}
	if (r == 0)
		r = parse_document(d, text, len, path, err);
	if (r < 0)
		return err_wrap(err, "seccomp profile '%s'", path);
	return 0;
}

int seccomp_compile_document(
	const char *text, size_t len, uint64_t caps, struct sock_fprog *ret, struct err *err)
{
	AUTO_DOCUMENT struct document d = {0};
	int r = parse_document(&d, text, len, "profile", err);
	if (r < 0)
		return r;
	const struct seccomp_profile p = {.fallback = d.fallback, .rules = d.rules, .n_rules = d.n};
	return seccomp_compile(&p, caps, d.arches, d.n_arches, ret, err);
}

int seccomp_filter(
	const char *profile, uint64_t caps, const struct sock_fprog **ret, struct err *err)
{
	static const struct sock_fprog unconfined;
	/* One build uses one profile; a second one replaces the cache, the first stays valid for
	 * who holds it. */
	static struct cached {
		char *profile;
		uint64_t caps;
		struct sock_fprog prog;
		struct cached *older;
	} * cache;

	if (profile && streq(profile, "unconfined")) {
		*ret = &unconfined;
		return 0;
	}
	for (struct cached *c = cache; c; c = c->older) {
		if (c->caps == caps && streq_null(c->profile, profile)) {
			*ret = &c->prog;
			return 0;
		}
	}
	AUTO_DOCUMENT struct document d = {0};
	int r = load_profile(&d, profile, err);
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
	AUTO_DOCUMENT struct document d = {0};
	builtin_arches(&d);
	if (!prog.len && seccomp_compile(&p, 0, d.arches, d.n_arches, &prog, err) < 0)
		return err->code;
	*ret = &prog;
	return 0;
}

const char *seccomp_source(void)
{
	return access(INSTALLED_PROFILE, R_OK) == 0 ? INSTALLED_PROFILE : "built in";
}

uint32_t seccomp_native_arch(void)
{
	return seccomp_arch_native();
}

int seccomp_apply(const struct sock_fprog *filter, struct err *err)
{
	if (filter->len == 0)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) < 0)
		return err_sys(err, "cannot install the seccomp filter");
	return 0;
}
