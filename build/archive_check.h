/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local archives that ADD will unpack are read before anything runs, so that a damaged one is told
 * at once. A first look, at every build, is bounded: the first 16 archives of a build, the first
 * 16 MiB of what each holds. All of it is read, once, by a build that is about to carry out a RUN
 * while the ADD is yet to come. None is read that an earlier build has found sound.
 */
#pragma once
#include "build/file_parse.h"

struct build;
struct err;
struct filetree;
struct step;

enum archive_part { ARCHIVE_BEGINNING, ARCHIVE_WHOLE };

/* Those that the source word at pos names in t. */
int archives_check(struct build *b, struct filetree *t, const struct step *s, const char *source,
	struct pos pos, enum archive_part part, struct err *err)
	__attribute__((warn_unused_result));
