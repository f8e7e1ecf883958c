/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd:chunked: a layer whose files are frames of their own, with a table of where they are, so
 * that who pulls it needs to fetch only the files that it has not got. To all others it is zstd.
 *
 *	frames      headers up to a file with content | its chunks | headers ... | the end
 *	skippable   the table, JSON as zstd; the tar without contents ("tar-split"), as zstd
 *	skippable   where both are
 *
 * Format: containers-storage-zstd-chunked(1), pkg/chunked of containers/storage.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stdint.h>

struct map;
struct writer;

struct chunked_part {
	uint64_t offset, size, plain_size; /* in the blob; without compression */
};

struct chunked_table {
	/* There is one. A tar that the table cannot say, or that who reads it might take in
	 * another way, is written as plain zstd: a name twice or not in UTF-8, a sparse file. */
	bool made;
	struct digest digest; /* of the table, compressed */
	struct chunked_part toc, split;
};

/* Takes a tar. *ret is set by finish(). */
struct writer *writer_chunked(struct writer *below, int level, struct chunked_table *ret);

/* The annotations of a layer that has a table; NULL: those of another one go. */
void chunked_annotate(struct map *annotations, const struct chunked_table *t);
bool chunked_is_annotated(const struct map *annotations);
