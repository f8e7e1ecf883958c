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

/* As compressed: read or refused. As content: written and read again, the same. */
static void check_stream(unpacker *open, packer *pack, int level, const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_BUF struct buf a = BUF_INIT(1 << 22), b = BUF_INIT(1 << 22), back = BUF_INIT(1 << 22);
	/* the result does not depend on how much is asked for at once */
	int one = unpack(open, data, size, 8192, &a, &err),
	    two = unpack(open, data, size, 100, &b, &err);
	if ((one < 0) != (two < 0) ||
		(one == 0 && (a.len != b.len || memcmp(buf_str(&a), buf_str(&b), a.len) != 0)))
		abort();
	struct sink s = {.w = {.write = sink_write}, .data = BUF_INIT(1 << 22)};
	AUTO_WRITER struct writer *w = pack(&s.w, level);
	if (writer_write(w, data, size, &err) < 0 || writer_finish(w, &err) < 0)
		abort();
	if (unpack(open, s.data.data, s.data.len, 8192, &back, &err) != 0 || back.len != size ||
		(size && memcmp(back.data, data, size) != 0))
		abort();
	buf_done(&s.data);
}
