/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream of bytes is, by its first ones. The functions for ADD are declared in apply.h. */
#pragma once
#include <stddef.h>

struct err;
struct reader;

enum archive_kind {
	ARCHIVE_KIND_PLAIN,
	ARCHIVE_KIND_GZIP,
	ARCHIVE_KIND_ZSTD,
	ARCHIVE_KIND_BZIP2,
	ARCHIVE_KIND_XZ
};

#define ARCHIVE_HEAD 16 /* bytes that are enough to tell */

enum archive_kind archive_kind(const void *p, size_t n);
/* Reads the first bytes of below. *ret: a reader of all of it, those bytes included; reader_free()
 * it. */
int archive_peek(struct reader *below, struct reader **ret, enum archive_kind *ret_kind,
	struct err *err) __attribute__((warn_unused_result));
