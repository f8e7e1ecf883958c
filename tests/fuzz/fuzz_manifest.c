/* SPDX-License-Identifier: Apache-2.0 */
/* What manifest_parse() accepts is written and read again without loss of validity. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct manifest m, again;
	if (manifest_parse((const char *)data, size, NULL, &m, &err) < 0)
		return 0;
	AUTO_FREE char *text = manifest_dump(&m);
	manifest_done(&m);
	if (manifest_parse(text, strlen(text), NULL, &again, &err) < 0)
		abort();
	manifest_done(&again);
	return 0;
}
