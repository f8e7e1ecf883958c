/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles in the containers' JSON format. */
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/mem.h"
#include "run/caps.h"
#include "run/seccomp_internal.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 4096

void seccomp_document_done(struct seccomp_document *d)
{
	free(d->rules);
	strv_done(&d->strings);
}
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
static const char *join_words(struct seccomp_document *d, const struct json *array)
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

static int parse_rule(struct seccomp_document *d, const struct json *o, struct err *err)
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

static void add_arch(struct seccomp_document *d, uint32_t arch)
{
	for (size_t i = 0; i < d->n_arches; i++)
		if (d->arches[i] == arch)
			return;
	if (d->n_arches < SECCOMP_ARCHES_MAX)
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
static void parse_arches(struct seccomp_document *d, const struct json *root)
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

void seccomp_document_usual_arches(struct seccomp_document *d)
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

int seccomp_document_parse(
	struct seccomp_document *d, const char *text, size_t len, const char *path, struct err *err)
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

int seccomp_compile_document(
	const char *text, size_t len, uint64_t caps, struct sock_fprog *ret, struct err *err)
{
	AUTO_SECCOMP_DOCUMENT struct seccomp_document d = {0};
	int r = seccomp_document_parse(&d, text, len, "profile", err);
	if (r < 0)
		return r;
	const struct seccomp_profile p = {.fallback = d.fallback, .rules = d.rules, .n_rules = d.n};
	return seccomp_compile(&p, caps, d.arches, d.n_arches, ret, err);
}
