/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a layer in zstd:chunked, in pieces: it unpacks to them, with a table or without. */
#include "base/buf.h"
#include "base/err.h"
#include "base/stream.h"
#include "base/zstd_stream.h"
#include "layers/chunked.h"
#include "tests/fuzz/tar_checksums.h"

#include <stdlib.h>

#define SIZE_MAX_TRIED (1 * MIB)

struct sink {
	struct writer w;
	struct buf b;
};

static int sink_write(struct writer *w, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(&((struct sink *)w)->b, p, n);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sink out = {.w = {.write = sink_write}, .b = BUF_INIT(16 * MIB)};
	struct chunked_table table;
	struct err err = ERR_INIT;
	uint8_t part[4096];
	size_t at = 0, step = size ? 1 + data[size - 1] * (size_t)7 : 1;
	ssize_t n;

	if (size > SIZE_MAX_TRIED)
		return 0;
	AUTO_FREE uint8_t *tar = with_checksums(data, size);
	AUTO_WRITER struct writer *w = writer_chunked(&out.w, 1, &table);
	for (size_t i = 0; i < size; i += step)
		if (writer_write(w, tar + i, size - i < step ? size - i : step, &err) < 0)
			abort();
	if (writer_finish(w, &err) < 0)
		abort();
	AUTO_READER struct reader *mem = reader_from_mem(out.b.data, out.b.len);
	AUTO_READER struct reader *r = reader_unzstd(mem);
	for (; (n = reader_read(r, part, sizeof(part), &err)) > 0; at += (size_t)n)
		if (at + (size_t)n > size || memcmp(tar + at, part, (size_t)n) != 0)
			abort();
	if (n < 0 || at != size)
		abort();
	buf_done(&out.b);
	return 0;
}
