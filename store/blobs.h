/* SPDX-License-Identifier: Apache-2.0 */
/* Content-addressed files, blobs/sha256/HEX, blobs/sha512/HEX. Nothing is ever read from here into
 * use without its digest checked or having been checked when it was put. */
#pragma once
#include "base/digest.h"
#include "base/tmp.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct descriptor;
struct err;
struct store;

/* *ret_size may be NULL */
bool blob_has(struct store *s, const struct digest *d, uint64_t *ret_size);
/* read-only descriptor; ERR_NOT_FOUND */
int blob_open(struct store *s, const struct digest *d, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
/* A document (manifest, index, config): digest and size verified, at most max bytes. *ret_data
 * NUL-terminated, the caller's. ERR_NOT_FOUND, ERR_CORRUPT, ERR_LIMIT. */
int blob_read(struct store *s, const struct descriptor *d, size_t max, char **ret_data,
	size_t *ret_len, struct err *err) __attribute__((warn_unused_result));
/* Puts bytes; *ret their digest, by sha256. Present ones are not written again. */
int blob_put(struct store *s, const void *p, size_t n, struct digest *ret, struct err *err)
	__attribute__((warn_unused_result));
int blob_put_as(struct store *s, enum digest_alg alg, const void *p, size_t n, struct digest *ret,
	struct err *err) __attribute__((warn_unused_result));
/* Streaming: begin gives a file to write to; the caller hashes what it writes and names it by that
 * digest. Drop with tmp_done. */
int blob_begin(struct store *s, struct tmp *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The same of a file of ours alone on the store's file system, open as fd: it gets one more name,
 * and is not written to any more. */
int blob_adopt(struct store *s, int fd, struct tmp *ret, struct err *err)
	__attribute__((warn_unused_result));
int blob_commit(struct store *s, struct tmp *t, const struct digest *d, struct err *err)
	__attribute__((warn_unused_result));
int blob_remove(struct store *s, const struct digest *d, struct err *err)
	__attribute__((warn_unused_result));
