/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions of a build in the order in which they count: those of several files one file
 * after another, those of a fragment in the place of the INCLUDE that names it (include.h).
 */
#pragma once
#include "build/file_parse.h"

#include <stdbool.h>
#include <stddef.h>

#define INCLUDE_DEPTH_MAX 16 /* fragments inside fragments */

/* An instruction and the file it stands in (an ONBUILD trigger stands in the image's config). */
struct source_inst {
	const struct containerfile *file;
	const struct inst *inst;
};

/* Begins with all zero. */
struct source_walk {
	struct source_inst at;
	size_t files; /* that stand for themselves, or before the next that does */
	unsigned depth;
	struct source_place {
		size_t file, next;
	} place[INCLUDE_DEPTH_MAX + 1];
};

/* To the next instruction; false at the end. An INCLUDE itself is none. */
bool source_next(const struct containerfile *files, size_t n, struct source_walk *w);

#define SOURCE_FOREACH(walk, files, n)                                                             \
	for (struct source_walk walk = {0}; source_next(files, n, &(walk));)
