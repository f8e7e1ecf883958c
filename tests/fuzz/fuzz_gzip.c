/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as gzip, and as content of it. */
#include "base/gzip_stream.h"
#include "tests/fuzz/streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_stream(reader_gunzip, writer_gzip, 4, data, size);
	return 0;
}
