/* SPDX-License-Identifier: Apache-2.0 */
/* What the face (seccomp.c), the reader of profiles (seccomp_document.c), the built-in profile and
 * the compiler (seccomp_bpf.c) share. */
#pragma once
#include "base/strv.h"
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum seccomp_op { OP_NE, OP_LT, OP_LE, OP_EQ, OP_GE, OP_GT, OP_MASKED_EQ };

struct seccomp_arg {
	unsigned index; /* 0..5 */
	enum seccomp_op op;
	uint64_t value; /* MASKED_EQ: the mask */
	uint64_t value_two; /* MASKED_EQ: what is left of the argument */
};

#define SECCOMP_ARGS_MAX 6

struct seccomp_rule {
	const char *names; /* system calls, separated by blanks; unknown ones do not exist on this
	                      architecture */
	uint32_t action; /* SECCOMP_RET_* with its data */
	size_t n_args; /* all must match; 0: whatever the arguments */
	struct seccomp_arg args[SECCOMP_ARGS_MAX];
	uint64_t need_caps; /* only with all of these capabilities */
	uint64_t without_caps; /* only when none of these is there */
	const char *
		arches; /* only on these, as Go names them, separated by blanks; NULL: everywhere */
};

struct seccomp_profile {
	uint32_t fallback; /* action for what no rule names */
	const struct seccomp_rule *rules; /* of two for the same system call the first wins; those
	                                     with arguments before those without */
	size_t n_rules;
};

/* containers/common's default profile */
extern const struct seccomp_profile seccomp_builtin;

/* arches: SCMP_ARCH_*. *ret: insns allocated. ERR_LIMIT: too large for the kernel. */
int seccomp_compile(const struct seccomp_profile *p, uint64_t caps, const uint32_t *arches,
	size_t n_arches, struct sock_fprog *ret, struct err *err)
	__attribute__((warn_unused_result));

#define SECCOMP_ARCHES_MAX 4
/* A profile read from a document, with the memory behind it. */
struct seccomp_document {
	struct seccomp_rule *rules;
	size_t n;
	struct strv strings;
	uint32_t fallback;
	uint32_t arches[SECCOMP_ARCHES_MAX];
	size_t n_arches;
};

void seccomp_document_done(struct seccomp_document *d);
#define AUTO_SECCOMP_DOCUMENT __attribute__((cleanup(seccomp_document_done)))
/* Adds the rules of the text to those that are there, and the machine's architecture with those
 * that the text adds to it. path: for errors. ERR_INVALID; ERR_LIMIT: too many rules;
 * ERR_UNSUPPORTED: SCMP_ACT_NOTIFY. */
int seccomp_document_parse(struct seccomp_document *d, const char *text, size_t len,
	const char *path, struct err *err) __attribute__((warn_unused_result));
/* The machine's architecture and the smaller one that its programs may be of. */
void seccomp_document_usual_arches(struct seccomp_document *d);

/* A profile as text, without the default's hardening; for the fuzzer. */
int seccomp_compile_document(const char *text, size_t len, uint64_t caps, struct sock_fprog *ret,
	struct err *err) __attribute__((warn_unused_result));
