/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip over several processes: the caller's job makes the bytes, workers deflate pieces of them,
 * and the caller's process joins, so that what it writes to stays its own. Pieces lie in memory
 * that all share; sockets carry one byte for each that changes hands, and their ends tell of a
 * death. The bytes are those of writer_gzip().
 */
#pragma once

struct buf;
struct err;
struct writer;

struct pack {
	/* Runs in a process of its own: writes all that is to be packed to `to`, its result into
	 * out. */
	int (*make)(void *arg, struct writer *to, struct buf *out, struct err *err);
	void *arg;
	int level; /* of writer_gzip */
};

/* *result: what make() had to say. */
int pack_gzip(const struct pack *p, struct writer *below, struct buf *result, struct err *err)
	__attribute__((warn_unused_result));
