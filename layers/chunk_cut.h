/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a file is cut into chunks: by a rolling checksum of its last 64 bytes, so that what two
 * files share is mostly cut in the same places, 64 KiB apart on the average; and around 1024 zeros
 * and more. The places are those of containers/storage, whose stores then have chunks of ours.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define CHUNK_WINDOW 64

struct chunk_cut {
	uint32_t sum, weighted;
	uint8_t window[CHUNK_WINDOW];
	unsigned at; /* in the window */
	uint64_t zeros; /* that are held back, as they may be a hole */
	/* takes bytes of the file; then, n is 0, a chunk ends here */
	int (*put)(void *arg, const void *p, size_t n, bool zeros, struct err *err);
	void *arg;
};

/* put and arg stay; for each file */
void chunk_cut_begin(struct chunk_cut *c);
int chunk_cut_write(struct chunk_cut *c, const uint8_t *p, size_t n, struct err *err)
	__attribute__((warn_unused_result));
int chunk_cut_end(struct chunk_cut *c, struct err *err) __attribute__((warn_unused_result));
