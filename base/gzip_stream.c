/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gzip_stream.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define IN_BUF (256 * KIB) /* compressed bytes read at once */
#define LEVEL_MAX 3
#define LEVEL_DEFAULT 1

struct gunzip {
	struct reader r;
	struct reader *below;
	struct err failed;
	struct inflate_state state;
	bool started; /* the current member has bytes */
	struct isal_gzip_header header; /* of the current member */
	bool in_header;
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
		/* isal_inflate() reads headers too, but into one that it does not initialise and
		 * forgets when the input ends in the middle of a file name */
		isal_gzip_header_init(&g->header);
		g->started = g->in_header = true;
		return 1;
	}
}

static int gunzip_header(struct gunzip *g, struct err *err)
{
	for (;;) {
		int ret = isal_read_gzip_header(&g->state, &g->header);
		if (ret == ISAL_DECOMP_OK) {
			g->in_header = false;
			return 0;
		}
		if (ret != ISAL_END_INPUT)
			return gunzip_fail(g, err, inflate_reason(ret));
		ret = gunzip_fill(g, err);
		if (ret <= 0)
			return ret < 0 ? ret : gunzip_fail(g, err, "is truncated");
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
		if (g->in_header && gunzip_header(g, err) < 0)
			return err->code;
		g->state.next_out = p;
		g->state.avail_out = (uint32_t)n;
		ret = isal_inflate(&g->state);
		size_t got = n - g->state.avail_out;
		if (ret != ISAL_DECOMP_OK) {
			/* what stands before a wrong trailer comes first, however little it is */
			struct err later = ERR_INIT;
			ret = gunzip_fail(g, got ? &later : err, inflate_reason(ret));
			return got ? (ssize_t)got : ret;
		}
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

bool reader_gunzip_is_whole(const struct reader *r)
{
	const struct gunzip *g = (const struct gunzip *)r;
	return g->members && !g->started;
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
	g->started = g->in_header = g->zeros = g->done = false;
	g->members = 0;
	return &g->r;
}

static const uint32_t level_sizes[LEVEL_MAX + 1] = {
	0, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};

struct gzip_deflater {
	uint32_t level;
	struct isal_zstream z;
	uint8_t level_buf[];
};

struct gzip_deflater *gzip_deflater_new(int level)
{
	if (level < 0)
		level = LEVEL_DEFAULT;
	if (level > LEVEL_MAX)
		level = LEVEL_MAX;
	struct gzip_deflater *d = xmalloc(sizeof(*d) + level_sizes[level]);
	d->level = (uint32_t)level;
	return d;
}

void gzip_deflater_free(struct gzip_deflater *d)
{
	free(d);
}

/* RFC 1951 3.2.4: a block that is not the last, with one byte as it is. Returns its size. */
static uint32_t store_first_byte(uint8_t *out, uint8_t byte)
{
	static const uint8_t head[5] = {0, 1, 0, 0xfe, 0xff};
	memcpy(out, head, sizeof(head));
	out[sizeof(head)] = byte;
	return sizeof(head) + 1;
}

int gzip_deflate_piece(struct gzip_deflater *d, struct gzip_piece *p, struct err *err)
{
	isal_deflate_init(&d->z);
	d->z.level = d->level;
	d->z.level_buf_size = level_sizes[d->level];
	d->z.level_buf = d->level ? d->level_buf : NULL;
	uint8_t *window = p->window + GZIP_WINDOW - p->n_window;
	uint32_t n_window = p->n_window, stored = 0;
	if (!n_window && p->n_in > 1) {
		/* Without a window ISA-L 2.30 takes the address of its state for the content at
		 * the third byte (igzip_icf_body_h1_gr_bt.asm, .write_first_byte, shifts rcx where
		 * it means rsi), and so the encoding depends on where this was allocated. So there
		 * is always one: the first byte. */
		stored = store_first_byte(p->out, p->in[0]);
		window = p->in;
		n_window = 1;
	}
	uint32_t skip = stored ? 1 : 0;
	if (n_window && isal_deflate_set_dict(&d->z, window, n_window) != COMP_OK)
		return err_set(err, ERR_SYS, "cannot compress: ISA-L refuses the window");
	d->z.next_in = p->in + skip;
	d->z.avail_in = p->n_in - skip;
	d->z.next_out = p->out + stored;
	d->z.avail_out = (uint32_t)sizeof(p->out) - stored;
	d->z.end_of_stream = p->last;
	d->z.flush = p->last ? NO_FLUSH : SYNC_FLUSH;
	int ret = isal_deflate(&d->z);
	if (ret != COMP_OK || d->z.avail_in || !d->z.avail_out)
		return err_set(err, ERR_SYS, "cannot compress: ISA-L error %d", ret);
	p->n_out = (uint32_t)sizeof(p->out) - d->z.avail_out;
	return 0;
}

void gzip_piece_follow(struct gzip_piece *next, const struct gzip_piece *p)
{
	memmove(next->window, p->in + GZIP_PIECE - GZIP_WINDOW, GZIP_WINDOW);
	next->n_window = GZIP_WINDOW;
	next->n_in = 0;
}

/* RFC 1952 2.3: no flags, no time, no extra flags, unknown system */
static const uint8_t gzip_header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

int gzip_joiner_piece(struct gzip_joiner *j, const struct gzip_piece *p, struct err *err)
{
	if (!j->begun && writer_write(j->below, gzip_header, sizeof(gzip_header), err) < 0)
		return err->code;
	j->begun = true;
	j->crc = crc32_gzip_refl(j->crc, p->in, p->n_in);
	j->size += p->n_in;
	if (writer_write(j->below, p->out, p->n_out, err) < 0)
		return err->code;
	if (!p->last)
		return 0;
	uint8_t trailer[8];
	for (unsigned i = 0; i < 4; i++) {
		trailer[i] = (uint8_t)(j->crc >> 8 * i);
		trailer[4 + i] = (uint8_t)(j->size >> 8 * i);
	}
	return writer_write(j->below, trailer, sizeof(trailer), err);
}

struct gzip {
	struct writer w;
	struct err failed;
	struct gzip_deflater *deflater;
	struct gzip_joiner joiner;
	struct gzip_piece piece;
};

static int gzip_piece_done(struct gzip *g, struct err *err)
{
	if (gzip_deflate_piece(g->deflater, &g->piece, err) < 0 ||
		gzip_joiner_piece(&g->joiner, &g->piece, err) < 0) {
		g->failed = *err;
		return err->code;
	}
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
		size_t part = GZIP_PIECE - g->piece.n_in;
		if (part > n)
			part = n;
		memcpy(g->piece.in + g->piece.n_in, from, part);
		g->piece.n_in += (uint32_t)part;
		from += part;
		n -= part;
		if (g->piece.n_in < GZIP_PIECE)
			continue;
		if (gzip_piece_done(g, err) < 0)
			return err->code;
		gzip_piece_follow(&g->piece, &g->piece);
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
	g->piece.last = true;
	return gzip_piece_done(g, err);
}

static void gzip_free(struct writer *w)
{
	struct gzip *g = (struct gzip *)w;
	gzip_deflater_free(g->deflater);
	free(g);
}

struct writer *writer_gzip(struct writer *below, int level)
{
	/* not cleared as a whole: most of it are buffers */
	struct gzip *g = xmalloc(sizeof(*g));
	memset(g, 0, offsetof(struct gzip, piece));
	g->piece.n_in = g->piece.n_window = 0;
	g->piece.last = false;
	g->w = (struct writer){.write = gzip_write, .finish = gzip_finish, .free = gzip_free};
	g->deflater = gzip_deflater_new(level);
	g->joiner = (struct gzip_joiner){.below = below};
	return &g->w;
}
