/* SPDX-License-Identifier: Apache-2.0 */
/* Modes as COPY --chmod takes them: octal, or symbolic as chmod(1) without umask ("u=rwX,go=rX").
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#define CHMOD_CLAUSES_MAX 32

struct chmod {
	bool octal;
	mode_t mode;
	struct {
		mode_t who; /* mask of the classes it names: 04700 02070 00007; 0: none */
		char op; /* + - = */
		char perms[8];
	} clause[CHMOD_CLAUSES_MAX];
	unsigned n;
};

bool chmod_parse(const char *text, struct chmod *ret);
/* The new permission bits (07777) of something of the given st_mode. */
mode_t chmod_apply(const struct chmod *c, mode_t st_mode);
/* The mode of a directory that a copy with --chmod implies: a symbolic mode changes what there is,
 * and this is made anew. */
mode_t chmod_new_dir(const struct chmod *c);
