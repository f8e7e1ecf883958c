/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a layer once its bytes have passed, and how it is compressed. image-spec
 * layer.md. */
#pragma once
#include "base/digest.h"
#include <stddef.h>
#include <stdint.h>

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

struct layer {
	struct digest diff_id; /* of the uncompressed tar */
	struct digest blob; /* of the bytes as stored */
	uint64_t blob_size;
	uint64_t diff_size; /* of the uncompressed tar */
	uint64_t content; /* bytes of file content in it, as `history` and `images` count them */
	uint64_t entries;
};
