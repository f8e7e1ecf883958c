/* SPDX-License-Identifier: Apache-2.0 */
#include "base/zstd_stream.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define FRAME_HEADER_MAX 18
#define WINDOW_LOG_MAX 27 /* 128 MiB: what `zstd -d` accepts without --long */

struct unzstd {
	struct reader r;
	struct reader *below;
	struct err failed;
	ZSTD_DStream *z;
	ZSTD_inBuffer in;
	bool in_frame; /* more of the current frame is expected */
	unsigned char head[FRAME_HEADER_MAX]; /* of the current frame */
	size_t n_head;
	uint64_t made; /* of the current frame */
	bool any;
	bool end;
	void *buf;
	size_t cap;
};

static int unzstd_fail(struct unzstd *u, struct err *err, const char *why)
{
	(void)err_set(&u->failed, ERR_CORRUPT, "zstd stream: %s", why);
	*err = u->failed;
	return ERR_CORRUPT;
}

/* The library looks at the length that a frame says only when it unpacks all of it at once. */
static bool frame_is_as_said(const struct unzstd *u)
{
	unsigned long long said = ZSTD_getFrameContentSize(u->head, u->n_head);
	return said == ZSTD_CONTENTSIZE_UNKNOWN || said == ZSTD_CONTENTSIZE_ERROR ||
	       said == u->made;
}

/* out is empty */
static int unpack_some(struct unzstd *u, ZSTD_outBuffer *out, struct err *err)
{
	const unsigned char *from = (const unsigned char *)u->in.src + u->in.pos;
	size_t before = u->in.pos;
	size_t ret = ZSTD_decompressStream(u->z, out, &u->in);
	if (ZSTD_isError(ret))
		return unzstd_fail(u, err, ZSTD_getErrorName(ret));
	size_t room = sizeof(u->head) - u->n_head, used = u->in.pos - before;
	size_t n = used < room ? used : room;
	if (n)
		memcpy(u->head + u->n_head, from, n);
	u->n_head += n;
	u->made += out->pos;
	u->in_frame = ret != 0;
	if (u->in_frame)
		return 0;
	if (!frame_is_as_said(u))
		return unzstd_fail(u, err, "a frame is not as long as it says");
	u->n_head = 0;
	u->made = 0;
	return 0;
}

static ssize_t unzstd_read(struct reader *r, void *p, size_t n, struct err *err)
{
	struct unzstd *u = (struct unzstd *)r;
	if (u->failed.code) {
		*err = u->failed;
		return u->failed.code;
	}
	ZSTD_outBuffer out = {p, n, 0};
	while (out.pos == 0) {
		if (u->in.pos == u->in.size && !u->end) {
			ssize_t got = reader_read(u->below, u->buf, u->cap, err);
			if (got < 0) {
				u->failed = *err;
				return got;
			}
			u->in = (ZSTD_inBuffer){u->buf, (size_t)got, 0};
			u->end = got == 0;
			u->any = u->any || got > 0;
		}
		if (u->end && !u->in_frame)
			return u->any ? 0 : unzstd_fail(u, err, "is empty");
		if (unpack_some(u, &out, err) < 0)
			return err->code;
		if (u->end && u->in_frame && out.pos == 0)
			return unzstd_fail(u, err, "is truncated");
	}
	return (ssize_t)out.pos;
}

static void unzstd_free(struct reader *r)
{
	struct unzstd *u = (struct unzstd *)r;
	ZSTD_freeDStream(u->z);
	free(u->buf);
	free(u);
}

struct reader *reader_unzstd(struct reader *below)
{
	struct unzstd *u = xcalloc(1, sizeof(*u));
	u->r = (struct reader){.read = unzstd_read, .free = unzstd_free};
	u->below = below;
	u->cap = ZSTD_DStreamInSize();
	u->buf = xmalloc(u->cap);
	u->z = ZSTD_createDStream();
	if (!u->z ||
		ZSTD_isError(ZSTD_DCtx_setParameter(u->z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		(void)err_set(&u->failed, ERR_SYS, "cannot start zstd decompression");
	return &u->r;
}

struct zstd {
	struct writer w;
	struct writer *below;
	struct err failed;
	ZSTD_CStream *z;
	void *buf;
	size_t cap;
};

static int zstd_push(struct zstd *s, ZSTD_inBuffer in, ZSTD_EndDirective how, struct err *err)
{
	if (s->failed.code) {
		*err = s->failed;
		return s->failed.code;
	}
	for (;;) {
		ZSTD_outBuffer out = {s->buf, s->cap, 0};
		size_t left = ZSTD_compressStream2(s->z, &out, &in, how);
		if (ZSTD_isError(left)) {
			(void)err_set(&s->failed, ERR_SYS, "cannot compress: zstd: %s",
				ZSTD_getErrorName(left));
			*err = s->failed;
			return ERR_SYS;
		}
		if (writer_write(s->below, out.dst, out.pos, err) < 0) {
			s->failed = *err;
			return err->code;
		}
		if (how == ZSTD_e_end ? left == 0 : in.pos == in.size)
			return 0;
	}
}

static int zstd_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	return zstd_push((struct zstd *)w, (ZSTD_inBuffer){p, n, 0}, ZSTD_e_continue, err);
}

int writer_zstd_end_frame(struct writer *w, struct err *err)
{
	return zstd_push((struct zstd *)w, (ZSTD_inBuffer){NULL, 0, 0}, ZSTD_e_end, err);
}

static void zstd_free(struct writer *w)
{
	struct zstd *s = (struct zstd *)w;
	ZSTD_freeCStream(s->z);
	free(s->buf);
	free(s);
}

struct writer *writer_zstd(struct writer *below, int level)
{
	struct zstd *s = xcalloc(1, sizeof(*s));
	s->w = (struct writer){
		.write = zstd_write, .finish = writer_zstd_end_frame, .free = zstd_free};
	s->below = below;
	s->cap = ZSTD_CStreamOutSize();
	s->buf = xmalloc(s->cap);
	s->z = ZSTD_createCStream();
	if (!s->z ||
		ZSTD_isError(ZSTD_CCtx_setParameter(
			s->z, ZSTD_c_compressionLevel, level < 0 ? 0 : level)) ||
		ZSTD_isError(ZSTD_CCtx_setParameter(s->z, ZSTD_c_checksumFlag, 1)))
		(void)err_set(&s->failed, ERR_SYS, "cannot start zstd compression");
	return &s->w;
}
