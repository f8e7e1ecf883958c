/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer's tar on its way into a blob: hashed, compressed and hashed again in one pass, whoever
 * makes its entries. A large one is made, compressed and written by processes of their own, which
 * keeps all cores busy; the bytes are the same.
 */
#pragma once
#include "layers/diff.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct tar_writer;
struct writer;

struct layer_count {
	uint64_t entries, content; /* as struct layer has them */
};

struct layer_write {
	/* Writes all entries and counts them; the end of the tar is not its business. */
	int (*put)(void *arg, struct tar_writer *to, struct layer_count *count, struct err *err);
	void *arg;
	bool large; /* worth several processes, in one of which put then runs */
	int dir; /* of the file system that opts->write_back is about */
};

/* Less than this is not large: forking costs more than it gains. */
#define LAYER_LARGE_BYTES (UINT64_C(4) << 20)
#define LAYER_LARGE_FILES 2000

/* out gets the blob. */
int layer_write(const struct layer_write *l, const struct diff_opts *opts, struct writer *out,
	struct layer *ret, struct err *err) __attribute__((warn_unused_result));
