/* SPDX-License-Identifier: Apache-2.0 */
/* The sources of COPY and ADD are looked for in the context before anything runs. */
#pragma once
#include "build/build_internal.h"

struct err;
struct filetree;
struct node;
struct selection;

/* Something of it, or below it, that only its owner may read, and who builds is not: ERR_DENIED.
 * sel: what is taken of it, NULL: all. */
int copy_source_readable(struct filetree *t, const struct selection *sel, struct node *n,
	struct err *err) __attribute__((warn_unused_result));
/*
 * One source word. It must be there; a pattern may match nothing, if copy_sources_check() agrees.
 */
int copy_source_check(struct eval *e, const struct step *s, const char *source, struct pos pos,
	struct err *err) __attribute__((warn_unused_result));
/*
 * When all stages are evaluated. BuildKit sends from a context what the instructions of a build
 * name, and looks for a pattern in that: so a pattern may match nothing in a directory only if
 * something of the directory, or all of it, is taken by an instruction. ERR_NOT_FOUND
 */
int copy_sources_check(struct build *b, struct err *err) __attribute__((warn_unused_result));
void copy_sources_done(struct build *b);
