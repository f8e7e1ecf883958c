/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar reading behind one face; libarchive does the dialects (v7, ustar, pax, GNU with its long
 * names and sparse files, star).
 *
 *	tar_reader_open -> { tar_reader_next -> tar_reader_data until 0 }...
 *	                -> tar_reader_drain -> tar_reader_free
 *
 * Names are bytes: no character set is ever converted, whatever the locale. Content may be left
 * unread. A damaged or truncated archive is ERR_CORRUPT; what the reader below reported comes
 * through as it is.
 */
#pragma once
#include "layers/tar_entry.h"

struct err;
struct reader;
struct tar_reader;

enum tar_read_flags {
	TAR_READ_FILTERS = 1 << 0, /* bzip2 and xz are decompressed too, in this process */
};

/* Loads libarchive, which tar_reader_open() does otherwise: for a process that is about to give up
 * the file system. ERR_UNSUPPORTED: it is not installed. */
int tar_read_prepare(struct err *err) __attribute__((warn_unused_result));

int tar_reader_open(struct reader *in, int flags, struct tar_reader **ret, struct err *err)
	__attribute__((warn_unused_result));
void tar_reader_free(struct tar_reader *t); /* accepts NULL */
static inline void tar_reader_free_p(struct tar_reader **t)
{
	tar_reader_free(*t);
}
#define AUTO_TAR_READER __attribute__((cleanup(tar_reader_free_p)))

/* 1: *ret is filled and valid until the next call; 0: the archive's end; negative: an error. */
int tar_reader_next(struct tar_reader *t, struct tar_entry *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The next piece of the current entry's content, at *ret_offset (never before the end of the piece
 * before, never past the entry's size); what lies between pieces is zeros. 1, 0 at its end, or
 * negative. *ret_data is valid until the next call. */
int tar_reader_data(struct tar_reader *t, const void **ret_data, size_t *ret_n,
	uint64_t *ret_offset, struct err *err) __attribute__((warn_unused_result));
/* After the end: reads what follows the archive (padding). */
int tar_reader_drain(struct tar_reader *t, struct err *err) __attribute__((warn_unused_result));
