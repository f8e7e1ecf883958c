/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local archives that ADD will unpack are read before anything runs, so that a damaged one is told
 * at once. The look is bounded: the first 16 archives of a build, the first 16 MiB of what each
 * holds, and none that an earlier build has found sound. What lies beyond is found when the
 * step unpacks it.
 */
#pragma once
#include "build/file_parse.h"

struct err;
struct eval;
struct filetree;
struct step;

/* Those that the source word at pos names in t. */
int archives_check(struct eval *e, struct filetree *t, const struct step *s, const char *source,
	struct pos pos, struct err *err) __attribute__((warn_unused_result));
