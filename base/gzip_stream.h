/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip (RFC 1952) both ways through ISA-L, which is 4 times faster than zlib at reading and 7-15
 * times at writing. Written streams are reproducible: no name, mtime 0, OS 255, one member, the
 * same bytes for the same input and level.
 */
#pragma once
#include "base/mem.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct reader;
struct writer;

/* Several members in a row are one stream (RFC 1952 2.2); trailing garbage is ERR_CORRUPT, trailing
 * zero bytes are not. A truncated stream is ERR_CORRUPT. Limits on the size are the caller's
 * (reader_limit). */
struct reader *reader_gunzip(struct reader *below);
/* All members that began have ended, and were right: what failed since is behind them. */
bool reader_gunzip_is_whole(const struct reader *r);
/* level 0..3 of ISA-L; -1 the default */
struct writer *writer_gzip(struct writer *below, int level);

/*
 * The same by pieces, for several processes side by side: writer_gzip() is these calls in a row,
 * and its bytes are the same however many processes make them. The input is cut into pieces of
 * GZIP_PIECE bytes, the last one shorter, or empty. Each is deflated by itself, but for the window:
 * the end of the piece before it, which it may refer to.
 *
 *	fill p->in; gzip_deflate_piece (anywhere); gzip_joiner_piece, in order; gzip_piece_follow
 */
#define GZIP_PIECE (512 * KIB)
#define GZIP_WINDOW (32 * KIB)
struct gzip_piece {
	uint32_t n_window; /* of the window; it ends where the buffer does */
	uint32_t n_in, n_out;
	bool last;
	uint8_t window[GZIP_WINDOW];
	uint8_t in[GZIP_PIECE];
	uint8_t out[2 * GZIP_PIECE]; /* deflate never makes more */
};

struct gzip_deflater;
struct gzip_deflater *gzip_deflater_new(int level); /* as writer_gzip */
void gzip_deflater_free(struct gzip_deflater *d); /* accepts NULL */
/* in to out */
int gzip_deflate_piece(struct gzip_deflater *d, struct gzip_piece *p, struct err *err)
	__attribute__((warn_unused_result));
/* next, empty, comes after the full piece p; they may be the same */
void gzip_piece_follow(struct gzip_piece *next, const struct gzip_piece *p);

/* Writes the pieces as one stream; the trailer with the last. */
struct gzip_joiner {
	struct writer *below;
	bool begun;
	uint32_t crc;
	uint64_t size;
};
int gzip_joiner_piece(struct gzip_joiner *j, const struct gzip_piece *p, struct err *err)
	__attribute__((warn_unused_result));
