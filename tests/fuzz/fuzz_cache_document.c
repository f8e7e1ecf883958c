/* SPDX-License-Identifier: Apache-2.0 */
/* A step cache from elsewhere: what is accepted is written and read again with the same records. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "build/cache_document.h"
#include "image/media_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char config_type[] = CACHE_CONFIG_TYPE, layer_type[] = MT_OCI_LAYER_GZIP;
	struct descriptor layers[2] = {
		{.media_type = layer_type, .size = 1, .digest = {.b = {1}}},
		{.media_type = layer_type, .size = 2, .digest = {.b = {2}}},
	};
	struct manifest m = {
		.config = {.media_type = config_type}, .layers = layers, .n_layers = 2};
	struct manifest out = {.config = {.media_type = config_type}};
	struct cache_document d, again;
	struct err err = ERR_INIT;
	if (cache_document_parse((const char *)data, size, &m, &d, &err) < 0)
		return 0;
	AUTO_FREE char *text = cache_document_dump(&d, &out);
	if (cache_document_parse(text, strlen(text), &out, &again, &err) < 0 || again.n != d.n ||
		again.n_in != d.n_in)
		abort();
	for (size_t i = 0; i < d.n; i++)
		if (!cache_document_find(&again, &d.e[i].key))
			abort();
	out.config.media_type = NULL;
	manifest_done(&out);
	cache_document_done(&d);
	cache_document_done(&again);
	return 0;
}
