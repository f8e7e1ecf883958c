/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Zstandard, and as content of it. */
#include "base/zstd_stream.h"
#include "tests/fuzz/streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_stream(reader_unzstd, writer_zstd, 5, data, size);
	return 0;
}
