/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a push makes in somebody's directory (oci:, dir:), to be taken back when it fails: the disk
 * may be full because of it. What was there before stays.
 *
 * Pushes to one directory may share a blob as soon as one of them has made it, so each holds a
 * share of a lock on the directory; files are taken back only where nobody else does, and nobody
 * has named an image since.
 */
#pragma once
#include "base/strv.h"
#include <sys/stat.h>

struct err;

struct made {
	int dir; /* borrowed; -1: no files yet */
	const char *head; /* of dir: what names images; borrowed */
	struct stat before; /* of it; st_ino 0: there was none */
	struct strv dirs; /* outermost first */
	struct strv files; /* in dir */
};

#define MADE_INIT                                                                                  \
	{                                                                                          \
		.dir = -1                                                                          \
	}
/* Makes a directory with those above it. */
int made_mkdir(struct made *m, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* dir is where files are made from now on, and is locked; head is the file in it that names images,
 * and is written last. */
void made_in(struct made *m, int dir, const char *head);
/* To be called before the file is. */
void made_file(struct made *m, const char *name);
/* All is well: everything stays. */
void made_keep(struct made *m);
/* Takes back what was not kept. Before dir is closed. */
void made_done(struct made *m);
