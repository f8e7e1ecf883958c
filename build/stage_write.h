/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The job of a COPY, ADD or WORKDIR: it writes into the step's upper directory, or, what is large
 * and whose files no later step looks at, straight into a layer's blob (copy_archive.h).
 */
#pragma once
#include "layers/layer.h"
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct build;
struct err;
struct stage_run;

/* Starts r->job on the layers below, which are borrowed; the upper directory is made. */
int stage_write_start(struct build *b, struct stage_run *r, const int *lowers, struct err *err)
	__attribute__((warn_unused_result));

struct stage_written {
	bool archived; /* nothing is in the upper directory, all of it in r->blob, which is */
	struct layer layer;
};
/* What the job gave, of at most WRITTEN_MAX bytes. Returns how much of it that is; notes for the
 * user follow. */
#define WRITTEN_MAX 4096
size_t stage_written_read(const struct buf *out, struct stage_written *ret);
