/* SPDX-License-Identifier: Apache-2.0 */
/* What index_parse() accepts is written and read again; the choice is one of its entries. */
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
	const struct platform want = {.os = "linux", .arch = "arm", .variant = "v7"};
	struct index ix, again;
	if (index_parse((const char *)data, size, NULL, &ix, &err) < 0)
		return 0;
	const struct descriptor *d = index_choose(&ix, &want);
	if (d && (d < ix.manifests || d >= ix.manifests + ix.n_manifests))
		abort();
	AUTO_FREE char *text = index_dump(&ix);
	index_done(&ix);
	if (index_parse(text, strlen(text), NULL, &again, &err) < 0)
		abort();
	index_done(&again);
	return 0;
}
