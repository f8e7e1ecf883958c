/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gzip_stream.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"

#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define IN_BUF (256 * KIB) /* compressed bytes read at once */
#define OUT_BUF (256 * KIB) /* compressed bytes written at once */
/*
 * Where ISA-L ends a deflate block depends on how much input it is given at once, so all input is
 * gathered into pieces of this size first: the same bytes then give the same stream, however they
 * arrive.
 */
#define PIECE (512 * KIB)
#define LEVEL_MAX 3
#define LEVEL_DEFAULT 1

struct gunzip {
	struct reader r;
	struct reader *below;
	struct err failed;
	struct inflate_state state;
	bool started; /* the current member has bytes */
	bool zeros; /* padding after the last member was seen */
	bool done;
	size_t members;
	uint8_t in[IN_BUF];
};

static int gunzip_fail(struct gunzip *g, struct err *err, const char *why)
{
	(void)err_set(&g->failed, ERR_CORRUPT, "gzip stream: %s", why);
	*err = g->failed;
	return ERR_CORRUPT;
}

static const char *inflate_reason(int ret)
{
	switch (ret) {
	case ISAL_INCORRECT_CHECKSUM:
		return "checksum does not match";
	case ISAL_INVALID_WRAPPER:
		return "header is not valid";
	case ISAL_UNSUPPORTED_METHOD:
		return "compression method is not deflate";
	default:
		return "deflate data is not valid";
	}
}

/* Fills the input when it is empty. 1: there is input, 0: the end, negative: an error. */
static int gunzip_fill(struct gunzip *g, struct err *err)
{
	if (g->state.avail_in)
		return 1;
	ssize_t n = reader_read(g->below, g->in, sizeof(g->in), err);
	if (n < 0) {
		g->failed = *err;
		return (int)n;
	}
	g->state.next_in = g->in;
	g->state.avail_in = (uint32_t)n;
	return n > 0;
}

/* Between members: padding, another member or the end. 1: a member begins, 0: the end. */
static int gunzip_next_member(struct gunzip *g, struct err *err)
{
	for (;;) {
		int ret = gunzip_fill(g, err);
		if (ret < 0)
			return ret;
		if (ret == 0) {
			if (g->members == 0)
				return gunzip_fail(g, err, "is empty");
			g->done = true;
			return 0;
		}
		if (g->members && *g->state.next_in == 0) {
			g->zeros = true;
			g->state.next_in++;
			g->state.avail_in--;
			continue;
		}
		if (g->zeros || (g->members && *g->state.next_in != 0x1f))
			return gunzip_fail(g, err, "garbage after the end");
		g->started = true;
		return 1;
	}
}

static ssize_t gunzip_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct gunzip *g = (struct gunzip *)r;
	if (g->failed.code) {
		*err = g->failed;
		return g->failed.code;
	}
	if (n > UINT32_MAX / 2)
		n = UINT32_MAX / 2;
	while (!g->done) {
		int ret = g->started ? 1 : gunzip_next_member(g, err);
		if (ret <= 0)
			return ret;
		g->state.next_out = p;
		g->state.avail_out = (uint32_t)n;
		ret = isal_inflate(&g->state);
		if (ret != ISAL_DECOMP_OK)
			return gunzip_fail(g, err, inflate_reason(ret));
		size_t got = n - g->state.avail_out;
		if (g->state.block_state == ISAL_BLOCK_FINISH) {
			isal_inflate_reset(&g->state);
			g->started = false;
			g->members++;
		}
		if (got)
			return (ssize_t)got;
		if (!g->started)
			continue;
		ret = gunzip_fill(g, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			return gunzip_fail(g, err, "is truncated");
	}
	return 0;
}

static void gunzip_free(struct reader *r)
{
	free(r);
}

struct reader *reader_gunzip(struct reader *below)
{
	/* not cleared as a whole: most of it are buffers of some 400 KiB */
	struct gunzip *g = xmalloc(sizeof(*g));
	memset(g, 0, offsetof(struct gunzip, state));
	g->r = (struct reader){.read = gunzip_read, .free = gunzip_free};
	g->below = below;
	isal_inflate_init(&g->state);
	g->state.crc_flag = ISAL_GZIP;
	g->state.avail_in = 0;
	g->started = g->zeros = g->done = false;
	g->members = 0;
	return &g->r;
}

struct gzip {
	struct writer w;
	struct writer *below;
	struct err failed;
	struct isal_zstream z;
	uint8_t *level_buf;
	size_t used; /* of piece */
	uint8_t piece[PIECE];
	uint8_t out[OUT_BUF];
};

static int gzip_deflate(struct gzip *g, bool last, struct err *err)
{
	g->z.next_in = g->piece;
	g->z.avail_in = (uint32_t)g->used;
	g->z.end_of_stream = last;
	g->used = 0;
	do {
		g->z.next_out = g->out;
		g->z.avail_out = sizeof(g->out);
		int ret = isal_deflate(&g->z);
		if (ret != COMP_OK) {
			(void)err_set(&g->failed, ERR_SYS, "cannot compress: ISA-L error %d", ret);
			*err = g->failed;
			return ERR_SYS;
		}
		if (writer_write(g->below, g->out, sizeof(g->out) - g->z.avail_out, err) < 0) {
			g->failed = *err;
			return err->code;
		}
	} while (g->z.avail_out == 0 || (last && g->z.internal_state.state != ZSTATE_END));
	return 0;
}

static int gzip_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	struct gzip *g = (struct gzip *)w;
	if (g->failed.code) {
		*err = g->failed;
		return g->failed.code;
	}
	for (const uint8_t *from = p; n;) {
		size_t part = sizeof(g->piece) - g->used;
		if (part > n)
			part = n;
		memcpy(g->piece + g->used, from, part);
		g->used += part;
		from += part;
		n -= part;
		if (g->used == sizeof(g->piece) && gzip_deflate(g, false, err) < 0)
			return err->code;
	}
	return 0;
}

static int gzip_finish(struct writer *w, struct err *err)
{
	struct gzip *g = (struct gzip *)w;
	if (g->failed.code) {
		*err = g->failed;
		return g->failed.code;
	}
	return gzip_deflate(g, true, err);
}

static void gzip_free(struct writer *w)
{
	struct gzip *g = (struct gzip *)w;
	free(g->level_buf);
	free(g);
}

/* RFC 1952 2.3: no flags, no time, no extra flags, unknown system */
static const uint8_t gzip_header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

struct writer *writer_gzip(struct writer *below, int level)
{
	static const uint32_t level_size[LEVEL_MAX + 1] = {
		0, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
	if (level < 0)
		level = LEVEL_DEFAULT;
	if (level > LEVEL_MAX)
		level = LEVEL_MAX;
	struct gzip *g = xcalloc(1, sizeof(*g));
	g->w = (struct writer){.write = gzip_write, .finish = gzip_finish, .free = gzip_free};
	g->below = below;
	isal_deflate_init(&g->z);
	g->z.level = (uint32_t)level;
	g->z.level_buf_size = level_size[level];
	/* zeroed: ISA-L looks into its hash table before it has filled it, and what it finds there
	 * decides between encodings of the same content */
	if (level_size[level])
		g->level_buf = xcalloc(1, level_size[level]);
	g->z.level_buf = g->level_buf;
	g->z.gzip_flag = IGZIP_GZIP_NO_HDR;
	struct err err = ERR_INIT;
	if (writer_write(below, gzip_header, sizeof(gzip_header), &err) < 0)
		g->failed = err;
	return &g->w;
}
