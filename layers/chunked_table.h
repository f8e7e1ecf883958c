/* SPDX-License-Identifier: Apache-2.0 */
/* The two documents of zstd:chunked while a layer is written: the table, and the tar without
 * contents. Both are compressed as they grow, in memory. */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct json;
struct table;

struct chunk {
	uint64_t at, offset, size; /* in the file, in the blob, of the file's bytes */
	struct digest digest;
	bool zeros;
};

struct chunked_file {
	struct json *entry; /* of chunked_header_entry(); gets digest and offsets */
	uint64_t size;
	uint64_t crc; /* chunked_crc() */
	struct digest digest; /* of the content, if there is any */
	struct chunk *chunks;
	size_t n_chunks;
	uint64_t end; /* where the last one ends in the blob */
};

struct table *table_new(int level);
void table_free(struct table *t); /* accepts NULL */
/* Was the name not there before, however it is written? A hash that another name has, too, costs
 * the table only. */
bool table_add_name(struct table *t, const char *name);
/* Bytes of the tar that are no content: one header, or the end, and padding before it. */
int table_add_segment(struct table *t, const struct buf *bytes, struct err *err)
	__attribute__((warn_unused_result));
int table_add_file(struct table *t, struct chunked_file *f, struct err *err)
	__attribute__((warn_unused_result));
/* There is more than those who read it take. */
bool table_is_full(const struct table *t);

struct table_document {
	const void *data; /* borrowed from the table */
	size_t size;
	uint64_t plain_size; /* without compression */
};

int table_end(struct table *t, struct table_document *ret_toc, struct table_document *ret_split,
	struct err *err) __attribute__((warn_unused_result));

/* CRC-64 of ISO 3309, which tar-split has; crc: of what came before, 0 at first. */
uint64_t chunked_crc(uint64_t crc, const uint8_t *p, size_t n);
