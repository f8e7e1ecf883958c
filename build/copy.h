/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY, ADD and WORKDIR carried out: from trees of files into a mounted root. BuildKit's fsutil
 * copy is the reference for what lands where. Runs in a job of its own; every path is resolved
 * below the two roots by descriptor.
 */
#pragma once
#include "build/filetree.h"
#include "build/steps.h"

struct buf;
struct err;

struct copy_work {
	const struct step *step;
	struct filetree *source; /* NULL when there are only here-documents */
	int root; /* the mounted root that is written to */
	bool empty_root; /* nothing lies below it: there is no account file to look into */
	bool known_owner; /* buildah: a name that the image does not know is an error */
	const struct timespec *time; /* of all that is copied or unpacked; NULL: as it has it */
	uint64_t layer_ratio; /* of archives that ADD unpacks, as --layer-ratio says it */
	struct buf *notes; /* what the user should know, a line each; NULL: nobody listens */
};

/* Of a STEP_COPY. */
int copy_run(const struct copy_work *w, struct err *err) __attribute__((warn_unused_result));
/* Of a STEP_WORKDIR: the directory and its parents, owned by the step's user. */
int workdir_run(const struct copy_work *w, struct err *err) __attribute__((warn_unused_result));
