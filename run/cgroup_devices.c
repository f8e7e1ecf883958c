/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices can be opened in a cgroup. Every mount of the sandbox but those of its devices is
 * nodev, so a list is only needed where a device is to be read and not written, or the other way
 * round: permissions and read-only mounts do not tell that of a device.
 *
 * Version 1 has the devices controller; version 2 has a program, which the kernel asks
 * (BPF_PROG_TYPE_CGROUP_DEVICE; linux/bpf.h, struct bpf_cgroup_dev_ctx). Both get the same rules.
 */
#include "base/err.h"
#include "base/mem.h"
#include "run/cgroup_internal.h"
#include "run/spec.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEVICES_MAX 256 /* of --device; a program may have 4096 instructions */
#define RULE_INSNS 7
#define ANY (-1)

struct rule {
	char type; /* 'b', 'c', 'a': both */
	int major_nr, minor_nr; /* or ANY */
	const char *rights;
};

/* What every sandbox has (mounts_dev.c); a node may be made, and opens nothing. */
static const struct rule usual[] = {
	{'a', ANY, ANY, "m"},
	{'c', 1, 3, "rwm"}, /* null, zero, full, random, urandom */
	{'c', 1, 5, "rwm"},
	{'c', 1, 7, "rwm"},
	{'c', 1, 8, "rwm"},
	{'c', 1, 9, "rwm"},
	{'c', 5, 0, "rwm"}, /* tty, ptmx, the terminals of devpts */
	{'c', 5, 2, "rwm"},
	{'c', 136, ANY, "rwm"},
};

bool cgroup_devices_needed(const struct run_limits *l)
{
	for (size_t i = 0; i < l->n_devices; i++)
		if (!strchr(l->devices[i].rights, 'r') || !strchr(l->devices[i].rights, 'w'))
			return true;
	return false;
}

static struct rule rule_of(const struct run_device *d)
{
	return (struct rule){d->block ? 'b' : 'c', (int)d->major_nr, (int)d->minor_nr, d->rights};
}

/* --- version 1 --- */

static int allow_v1(int dir, const struct rule *rule, struct err *err)
{
	static const char types[] = "bc";
	char major_text[16] = "*", minor_text[16] = "*", text[64];
	if (rule->major_nr != ANY)
		(void)snprintf(major_text, sizeof(major_text), "%d", rule->major_nr);
	if (rule->minor_nr != ANY)
		(void)snprintf(minor_text, sizeof(minor_text), "%d", rule->minor_nr);
	for (const char *type = types; *type; type++) {
		if (rule->type != 'a' && rule->type != *type)
			continue;
		(void)snprintf(text, sizeof(text), "%c %s:%s %s", *type, major_text, minor_text,
			rule->rights);
		/* one that we are not allowed ourselves does not open, with or without a rule */
		if (cgroup_write(dir, "devices.allow", text) < 0 && errno != EPERM)
			return cgroup_refused(err, "--device", "devices.allow");
	}
	return 0;
}

int cgroup_devices_v1(int dir, const struct run_limits *l, struct err *err)
{
	if (cgroup_write(dir, "devices.deny", "a") < 0)
		return cgroup_refused(err, "--device", "devices.deny");
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(usual); i++)
		r = allow_v1(dir, &usual[i], err);
	for (size_t i = 0; r == 0 && i < l->n_devices; i++) {
		struct rule rule = rule_of(&l->devices[i]);
		r = allow_v1(dir, &rule, err);
	}
	return r;
}

/* --- version 2 --- */

struct program {
	struct bpf_insn code[(ARRAY_LEN(usual) + DEVICES_MAX + 1) * RULE_INSNS];
	size_t n;
};

static void emit(
	struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	p->code[p->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 0xf, .src_reg = src & 0xf, .off = off, .imm = imm};
}

static int32_t access_bits(const char *rights)
{
	return (strchr(rights, 'm') ? BPF_DEVCG_ACC_MKNOD : 0) |
	       (strchr(rights, 'r') ? BPF_DEVCG_ACC_READ : 0) |
	       (strchr(rights, 'w') ? BPF_DEVCG_ACC_WRITE : 0);
}

/* r2: type, r3: what is wanted, r4: major, r5: minor number */
static void emit_start(struct program *p)
{
	const int16_t access = offsetof(struct bpf_cgroup_dev_ctx, access_type);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, access, 0);
	emit(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_1, access, 0);
	emit(p, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1,
		offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1,
		offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
}

static void emit_rule(struct program *p, const struct rule *rule)
{
	struct program body = {.n = 0};
	const int32_t not_allowed = ~access_bits(rule->rights);
	const uint8_t differs = BPF_JMP | BPF_JNE | BPF_K;
	if (rule->type != 'a')
		emit(&body, differs, BPF_REG_2, 0, 0,
			rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	emit(&body, BPF_JMP | BPF_JSET | BPF_K, BPF_REG_3, 0, 0, not_allowed);
	if (rule->major_nr != ANY)
		emit(&body, differs, BPF_REG_4, 0, 0, rule->major_nr);
	if (rule->minor_nr != ANY)
		emit(&body, differs, BPF_REG_5, 0, 0, rule->minor_nr);
	const size_t tests = body.n;
	emit(&body, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
	emit(&body, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (size_t i = 0; i < body.n; i++) {
		if (i < tests) /* on to the next rule */
			body.code[i].off = (int16_t)(body.n - i - 1);
		p->code[p->n++] = body.code[i];
	}
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int attach(int dir, const struct program *p)
{
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = (uint32_t)p->n,
		.insns = (uint64_t)(uintptr_t)p->code,
		.license = (uint64_t)(uintptr_t) "Apache-2.0",
	};
	AUTO_FD int fd = bpf(BPF_PROG_LOAD, &load);
	/* beside what the cgroups above have: all of them have to agree */
	union bpf_attr at = {
		.target_fd = (uint32_t)dir,
		.attach_bpf_fd = (uint32_t)fd,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI,
	};
	return fd < 0 ? -1 : bpf(BPF_PROG_ATTACH, &at);
}

int cgroup_devices_v2(int dir, const struct run_limits *l, struct err *err)
{
	struct program p = {.n = 0};
	if (l->n_devices > DEVICES_MAX)
		return err_set(
			err, ERR_LIMIT, "--device: there are more than %d of them", DEVICES_MAX);
	emit_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		emit_rule(&p, &usual[i]);
	for (size_t i = 0; i < l->n_devices; i++) {
		struct rule rule = rule_of(&l->devices[i]);
		emit_rule(&p, &rule);
	}
	emit(&p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
	emit(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	if (attach(dir, &p) < 0) {
		err_sys(err, "--device: that it is only read, or only written, needs root of this "
			     "machine (bpf)");
		return err->code = ERR_UNSUPPORTED;
	}
	return 0;
}
