/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules -> BPF. For each architecture the numbers are cut into ranges with the same answer; a
 * binary search finds the range. A system call whose rules look at arguments is a range of its own.
 * The result for the default profile is about 150 instructions an architecture, where one
 * comparison per system call makes 800.
 */
#include "base/err.h"
#include "base/mem.h"
#include "run/seccomp.h"
#include "run/seccomp_internal.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define INSNS_MAX 4096 /* BPF_MAXINSNS */
#define NR_MAX                                                                                     \
	8192 /* no architecture has numbers above this, mips apart, which has no profile of its    \
	        own here */

struct program {
	struct sock_filter *insns;
	size_t n;
};

/* What happens to one system call. */
struct answer {
	uint32_t action; /* when none of the conditional rules matches */
	uint32_t n_rules; /* conditional ones */
	const struct seccomp_rule *rules[12];
	bool decided; /* an unconditional rule was seen */
};

struct range {
	uint32_t start;
	const struct answer *answer;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->n < INSNS_MAX)
		p->insns[p->n] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
	p->n++;
}

static void emit_ret(struct program *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Marks for jumps whose distance is not known yet: within one rule, so they fit into 8 bits. */
enum { TO_FAIL = 254, TO_MATCH = 253 };

static void load_arg(struct program *p, unsigned index, bool high)
{
	uint32_t off = (uint32_t)(offsetof(struct seccomp_data, args) + index * sizeof(uint64_t));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	high = !high;
#endif
	emit(p, BPF_LD | BPF_W | BPF_ABS, off + (high ? 4 : 0), 0, 0);
}

/* Falls through when half of the argument has this value under the mask, jumps to TO_FAIL
 * otherwise. */
static void emit_masked(struct program *p, unsigned index, bool high, uint32_t mask, uint32_t value)
{
	if (mask == 0 && value == 0)
		return;
	load_arg(p, index, high);
	if (mask != UINT32_MAX)
		emit(p, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, TO_FAIL);
}

/* Falls through or jumps to TO_MATCH when the argument satisfies a, to TO_FAIL otherwise. Arguments
 * are 64 bits, BPF has 32. */
static void emit_arg(struct program *p, const struct seccomp_arg *a)
{
	uint32_t lo = (uint32_t)a->value, hi = (uint32_t)(a->value >> 32);
	uint32_t lo2 = (uint32_t)a->value_two, hi2 = (uint32_t)(a->value_two >> 32);
	const uint16_t jeq = BPF_JMP | BPF_JEQ | BPF_K, jgt = BPF_JMP | BPF_JGT | BPF_K,
		       jge = BPF_JMP | BPF_JGE | BPF_K;

	if (a->op != OP_MASKED_EQ)
		load_arg(p, a->index, true);
	switch (a->op) {
	case OP_EQ:
		emit(p, jeq, hi, 0, TO_FAIL);
		load_arg(p, a->index, false);
		emit(p, jeq, lo, 0, TO_FAIL);
		break;
	case OP_NE:
		emit(p, jeq, hi, 0, TO_MATCH);
		load_arg(p, a->index, false);
		emit(p, jeq, lo, TO_FAIL, 0);
		break;
	case OP_GT:
	case OP_GE:
		emit(p, jgt, hi, TO_MATCH, 0);
		emit(p, jeq, hi, 0, TO_FAIL);
		load_arg(p, a->index, false);
		emit(p, a->op == OP_GT ? jgt : jge, lo, 0, TO_FAIL);
		break;
	case OP_LT:
	case OP_LE:
		emit(p, jgt, hi, TO_FAIL, 0);
		emit(p, jeq, hi, 0, TO_MATCH);
		load_arg(p, a->index, false);
		emit(p, a->op == OP_LT ? jge : jgt, lo, TO_FAIL, 0);
		break;
	case OP_MASKED_EQ:
		emit_masked(p, a->index, true, hi, hi2);
		emit_masked(p, a->index, false, lo, lo2);
		break;
	}
}

/* Turns the marks in [from, to) into distances. */
static void patch(struct program *p, size_t from, size_t to, uint8_t mark, size_t target)
{
	for (size_t i = from; i < to && i < INSNS_MAX; i++) {
		struct sock_filter *f = &p->insns[i];
		if (BPF_CLASS(f->code) != BPF_JMP)
			continue;
		if (f->jt == mark)
			f->jt = (uint8_t)(target - i - 1);
		if (f->jf == mark)
			f->jf = (uint8_t)(target - i - 1);
	}
}

static void emit_answer(struct program *p, const struct answer *a)
{
	for (uint32_t i = 0; i < a->n_rules; i++) {
		const struct seccomp_rule *r = a->rules[i];
		size_t from = p->n;
		for (size_t j = 0; j < r->n_args; j++) {
			size_t arg = p->n;
			emit_arg(p, &r->args[j]);
			patch(p, arg, p->n, TO_MATCH, p->n);
		}
		emit_ret(p, r->action);
		patch(p, from, p->n, TO_FAIL, p->n);
	}
	emit_ret(p, a->action);
}

/* Conditional jumps reach 255 instructions, unconditional ones anywhere: what is far is reached
 * through a BPF_JA. */
static void emit_search(struct program *p, const struct range *r, size_t n)
{
	if (n == 1) {
		emit_answer(p, r->answer);
		return;
	}
	size_t half = n / 2, at = p->n;
	emit(p, BPF_JMP | BPF_JGE | BPF_K, r[half].start, 0, 1);
	emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_search(p, r, half);
	if (p->n <= INSNS_MAX) {
		struct sock_filter *f = &p->insns[at];
		size_t left = p->n - at - 2;
		if (left <= UINT8_MAX) {
			memmove(f + 1, f + 2, left * sizeof(*f));
			f->jt = (uint8_t)left;
			f->jf = 0;
			p->n--;
		} else {
			f[1].k = (uint32_t)left;
		}
	}
	emit_search(p, r + half, n - half);
}

static bool has_word(const char *list, const char *word, size_t n)
{
	for (const char *s = list; *s;) {
		size_t len = strcspn(s, " ");
		if (len == n && memcmp(s, word, n) == 0)
			return true;
		s += len;
		s += strspn(s, " ");
	}
	return false;
}

/* Profiles name architectures as Go does. */
static const char *go_arch(void)
{
	static const struct {
		const char *machine, *go;
	} map[] = {
		{"x86_64", "amd64"},
		{"aarch64", "arm64"},
		{"ppc64le", "ppc64le"},
		{"s390x", "s390x"},
		{"riscv64", "riscv64"},
		{"i686", "386"},
		{"armv7l", "arm"},
	};
	static struct utsname u;
	if (!*u.machine && uname(&u) < 0)
		return "";
	for (size_t i = 0; i < ARRAY_LEN(map); i++)
		if (streq(u.machine, map[i].machine))
			return map[i].go;
	return u.machine;
}

static bool applies(const struct seccomp_rule *r, uint64_t caps)
{
	if ((r->need_caps & caps) != r->need_caps || (r->without_caps & caps) != 0)
		return false;
	const char *arch = go_arch();
	return !r->arches || has_word(r->arches, arch, strlen(arch));
}

static int add_rule(struct answer **table, const struct seccomp_rule *r, uint32_t arch,
	uint32_t fallback, struct err *err)
{
	char name[64];
	for (const char *s = r->names; *s;) {
		size_t len = strcspn(s, " ");
		if (len > 0 && len < sizeof(name)) {
			memcpy(name, s, len);
			name[len] = '\0';
			int nr = seccomp_syscall_resolve_name_arch(arch, name);
			if (nr >= 0 && nr < NR_MAX) {
				struct answer *a = table[nr];
				if (!a) {
					a = table[nr] = xcalloc(1, sizeof(*a));
					a->action = fallback;
				}
				if (r->n_args > 0) {
					if (a->n_rules == ARRAY_LEN(a->rules))
						return err_set(err, ERR_LIMIT,
							"more than %zu rules for '%s'",
							ARRAY_LEN(a->rules), name);
					a->rules[a->n_rules++] = r;
				} else if (!a->decided) {
					a->action = r->action;
					a->decided = true;
				}
			}
		}
		s += len;
		s += strspn(s, " ");
	}
	return 0;
}

static void emit_arch(struct program *prog, struct answer *const *table, const struct answer *none)
{
	AUTO_FREE struct range *ranges = xreallocarray(NULL, NR_MAX + 1, sizeof(*ranges));
	size_t n = 0;
	for (uint32_t nr = 0; nr <= NR_MAX; nr++) {
		/* above NR_MAX: x32 on x86_64, and nothing elsewhere */
		const struct answer *a = nr < NR_MAX && table[nr] ? table[nr] : none;
		const struct answer *last = n > 0 ? ranges[n - 1].answer : NULL;
		if (last && last->n_rules == 0 && a->n_rules == 0 && last->action == a->action)
			continue;
		ranges[n++] = (struct range){.start = nr, .answer = a};
	}
	emit(prog, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, nr), 0, 0);
	emit_search(prog, ranges, n);
}

int seccomp_compile(const struct seccomp_profile *profile, uint64_t caps, const uint32_t *arches,
	size_t n_arches, struct sock_fprog *ret, struct err *err)
{
	AUTO_FREE struct sock_filter *insns = xcalloc(INSNS_MAX, sizeof(*insns));
	struct program prog = {.insns = insns};
	const struct answer none = {.action = profile->fallback};
	AUTO_FREE struct answer **table = xcalloc(NR_MAX, sizeof(*table));
	int r = 0;

	for (size_t i = 0; i < n_arches && r == 0; i++) {
		for (size_t j = 0; j < profile->n_rules && r == 0; j++)
			if (applies(&profile->rules[j], caps))
				r = add_rule(table, &profile->rules[j], arches[i],
					profile->fallback, err);
		emit(&prog, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, arch),
			0, 0);
		emit(&prog, BPF_JMP | BPF_JEQ | BPF_K, arches[i], 1, 0);
		size_t jump = prog.n;
		emit(&prog, BPF_JMP | BPF_JA, 0, 0, 0);
		emit_arch(&prog, table, &none);
		if (jump < INSNS_MAX)
			insns[jump].k = (uint32_t)(prog.n - jump - 1);
		for (size_t nr = 0; nr < NR_MAX; nr++) {
			free(table[nr]);
			table[nr] = NULL;
		}
	}
	if (r < 0)
		return r;
	emit_ret(&prog, SECCOMP_RET_KILL_PROCESS); /* an architecture that was not asked for */
	if (prog.n > INSNS_MAX)
		return err_set(err, ERR_LIMIT, "seccomp profile needs more than %d instructions",
			INSNS_MAX);
	ret->len = (unsigned short)prog.n;
	ret->filter = xmemdup(insns, prog.n * sizeof(*insns));
	return 0;
}

uint32_t seccomp_native_arch(void)
{
	return seccomp_arch_native();
}
