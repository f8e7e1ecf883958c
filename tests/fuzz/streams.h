/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of the two compressions do with any bytes. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of what a few bytes blow up to, more shows nothing that less does not. */
#define OUT_MAX (1 << 18)
/* A packer takes megabytes of fresh tables, which the sanitizer maps anew each time: ten times as
 * long as all the rest, for what is not the untrusted direction. */
#define PACKED_ONE_IN 16

typedef struct reader *unpacker(struct reader *below);
typedef struct writer *packer(struct writer *below, int level);

struct sink {
	struct writer w;
	struct buf data;
};

static int sink_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(&((struct sink *)w)->data, p, n);
	return 0;
}

static int unpack(
	unpacker *open, const void *p, size_t n, size_t step, struct buf *out, struct err *err)
{
	AUTO_READER struct reader *mem = reader_from_mem(p, n);
	AUTO_READER struct reader *r = open(mem);
	char chunk[8192];
	for (;;) {
		ssize_t got = reader_read(r, chunk, step, err);
		if (got <= 0)
			return (int)got;
		buf_add(out, chunk, (size_t)got);
		if (out->toobig)
			return 1;
	}
}

/* Written and read again: the same. */
static void check_content(
	unpacker *open, packer *pack, int level, const uint8_t *data, size_t size, struct err *err)
{
	AUTO_BUF struct buf back = BUF_INIT(OUT_MAX);
	struct sink s = {.w = {.write = sink_write}, .data = BUF_INIT(OUT_MAX)};
	AUTO_WRITER struct writer *w = pack(&s.w, level);
	if (writer_write(w, data, size, err) < 0 || writer_finish(w, err) < 0)
		abort();
	if (unpack(open, s.data.data, s.data.len, 8192, &back, err) != 0 || back.len != size ||
		(size && memcmp(back.data, data, size) != 0))
		abort();
	buf_done(&s.data);
}

/* As compressed: read or refused, however much is asked for at once. Now and then as content. */
static void check_stream(unpacker *open, packer *pack, int levels, const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_BUF struct buf a = BUF_INIT(OUT_MAX), b = BUF_INIT(OUT_MAX);
	int one = unpack(open, data, size, 8192, &a, &err),
	    two = unpack(open, data, size, 100, &b, &err);
	bool both = one != 1 && two != 1; /* neither was too big to be read to its end */
	if (both && ((one < 0) != (two < 0) ||
			    (one == 0 && (a.len != b.len ||
						 memcmp(buf_str(&a), buf_str(&b), a.len) != 0))))
		abort();
	if (size % PACKED_ONE_IN == 0 && size < OUT_MAX / 2)
		check_content(open, pack, (int)(size / PACKED_ONE_IN) % levels, data, size, &err);
}
