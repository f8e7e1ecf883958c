/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an archive, compressed in any way that ADD takes: read to the end or refused, all
 * pieces inside the file's size. */
#include "base/err.h"
#include "base/stream.h"
#include "layers/tar_read.h"
#include "tests/fuzz/tar_checksums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_FREE uint8_t *fixed = with_checksums(data, size);
	AUTO_READER struct reader *mem = reader_from_mem(fixed, size);
	AUTO_READER struct reader *in = reader_limit(mem, 1 << 24, "the archive");
	AUTO_TAR_READER struct tar_reader *tar = NULL;
	if (tar_reader_open(in, size % 2 ? TAR_READ_FILTERS : 0, &tar, &err) < 0)
		return 0;
	struct tar_entry e;
	uint64_t total = 0;
	int ret;
	while ((ret = tar_reader_next(tar, &e, &err)) == 1) {
		if (!e.path || ((e.hardlink || (e.mode & 0170000) == 0120000) && !e.link))
			abort();
		for (size_t i = 0; i < e.n_xattrs; i++)
			if (!e.xattrs[i].name || strlen(e.xattrs[i].name) > size + 1024)
				abort();
		const void *p;
		size_t n;
		uint64_t at;
		unsigned char sum = 0;
		while ((ret = tar_reader_data(tar, &p, &n, &at, &err)) == 1) {
			if (n) /* the whole piece is readable */
				sum ^= ((const unsigned char *)p)[0] ^
				       ((const unsigned char *)p)[n - 1];
			total += sum & 1;
			if ((total += n + 1) > 1 << 24)
				return 0;
		}
		if (ret < 0)
			break;
	}
	if (ret < 0 && (err.code >= 0 || !*err.msg))
		abort();
	return 0;
}
