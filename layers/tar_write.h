/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar writing behind one face: the same entries always give the same bytes. ustar headers without
 * user or group names; a pax header before the entry only where ustar cannot say it: a path or link
 * that does not fit or is not ASCII, ids above 2097151, sizes from 8 GiB, times with a fraction or
 * out of range, extended attributes (SCHILY.xattr.*). Names that are not UTF-8 travel as bytes
 * (hdrcharset=BINARY). The headers are written here and not by libarchive, which takes names
 * through the locale's character set.
 *
 *	tar_writer_new -> { tar_writer_header -> content }... -> tar_writer_end
 *
 * Content is tar_writer_space + tar_writer_commit, or tar_writer_data.
 */
#pragma once
#include "layers/tar_entry.h"

struct err;
struct tar_writer;
struct writer;

struct tar_writer *tar_writer_new(struct writer *out); /* out is borrowed */
void tar_writer_free(struct tar_writer *t); /* accepts NULL; does not flush */
static inline void tar_writer_free_p(struct tar_writer **t)
{
	tar_writer_free(*t);
}
#define AUTO_TAR_WRITER __attribute__((cleanup(tar_writer_free_p)))

/* ERR_UNSUPPORTED: something that tar cannot hold. Exactly e->size bytes of content must follow. */
int tar_writer_header(struct tar_writer *t, const struct tar_entry *e, struct err *err)
	__attribute__((warn_unused_result));
/* Room for content inside the writer's buffer (at least 64 KiB), so that files are read straight
 * into it; then how much of it was used. */
int tar_writer_space(struct tar_writer *t, void **ret, size_t *ret_n, struct err *err)
	__attribute__((warn_unused_result));
void tar_writer_commit(struct tar_writer *t, size_t n);
/* Content from elsewhere. */
int tar_writer_data(struct tar_writer *t, const void *p, size_t n, struct err *err)
	__attribute__((warn_unused_result));
int tar_writer_zeros(struct tar_writer *t, uint64_t n, struct err *err)
	__attribute__((warn_unused_result));
/* The two zero blocks, and everything is passed on. The stream below is not finished. */
int tar_writer_end(struct tar_writer *t, struct err *err) __attribute__((warn_unused_result));
