/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar header with its extensions, as an entry of the table of zstd:chunked. Who pulls compares
 * the two and reads the header as Go's archive/tar does, so what is raw there is raw here (a mode
 * may have the bits of a type). What that reader and ours could take differently is not understood.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct json;

#define CHUNKED_HEADER_MAX (1 * MIB) /* with extensions; what Go's reader takes */

/* How many bytes more than n belong to the header at p; 0: it is whole; -1: not understood. */
int64_t chunked_header_missing(const uint8_t *p, size_t n);
/* A whole one. *ret_size: of the content that follows. A new object; NULL: not understood. */
struct json *chunked_header_entry(const uint8_t *p, size_t n, uint64_t *ret_size);
