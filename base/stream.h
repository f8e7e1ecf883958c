/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in motion. A reader or a writer is a small object with an operation, a close and a sticky
 * error; filters wrap one another: descriptor -> hash -> gunzip -> hash -> tar. After the first
 * failure every further operation fails with the same error, so callers may check only at the end.
 *
 * Ownership: a filter borrows the stream it wraps; closing the filter does not close the one below.
 * x_free() accepts NULL and releases without flushing.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct reader {
	/* 1..n bytes, 0 at the end, negative enum err_code (err filled) */
	ssize_t (*read)(struct reader *r, void *p, size_t n, struct err *err);
	void (*free)(struct reader *r);
};

struct writer {
	/* all n bytes or an error */
	int (*write)(struct writer *w, const void *p, size_t n, struct err *err);
	/* flushes what is held back and ends the stream (gzip trailer ...); may be NULL; to be
	 * called once, before free */
	int (*finish)(struct writer *w, struct err *err);
	void (*free)(struct writer *w);
};

ssize_t reader_read(struct reader *r, void *p, size_t n, struct err *err);
void reader_free(struct reader *r);
int writer_write(struct writer *w, const void *p, size_t n, struct err *err)
	__attribute__((warn_unused_result));
int writer_finish(struct writer *w, struct err *err) __attribute__((warn_unused_result));
void writer_free(struct writer *w);
static inline void reader_free_p(struct reader **r)
{
	reader_free(*r);
}
static inline void writer_free_p(struct writer **w)
{
	writer_free(*w);
}
#define AUTO_READER __attribute__((cleanup(reader_free_p)))
#define AUTO_WRITER __attribute__((cleanup(writer_free_p)))

/* A descriptor (borrowed). name is for messages and copied. */
struct reader *reader_from_fd(int fd, const char *name);
struct writer *writer_to_fd(int fd, const char *name);
/* The same of a file that is not the store's: for want of room the error tells how much there is
 * (base/room.h). */
struct writer *writer_to_output(int fd, const char *name);
/* Memory (borrowed). */
struct reader *reader_from_mem(const void *p, size_t n);
/* Drops everything. */
struct writer *writer_null(void);

/* Hash and count what passes. count may be read at any time, the digest by hash_final(&h->hash),
 * once. */
struct hashed {
	struct hash hash;
	uint64_t count;
};
void hashed_init(struct hashed *h, enum digest_alg alg);
/* passes on to `below`, updating *h, which must outlive the filter */
struct reader *reader_hashed(struct reader *below, struct hashed *h);
struct writer *writer_hashed(struct writer *below, struct hashed *h);
/* fails with ERR_LIMIT "<what> is larger than N bytes" when more than max bytes pass */
struct reader *reader_limit(struct reader *below, uint64_t max, const char *what);

/* Until the end of r: 0 or an error; *ret_n bytes when not NULL. */
int stream_copy(struct reader *r, struct writer *w, uint64_t *ret_n, struct err *err)
	__attribute__((warn_unused_result));
/* Reads r to its end and drops it (to complete a hash). */
int stream_drain(struct reader *r, struct err *err) __attribute__((warn_unused_result));
