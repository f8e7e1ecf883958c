/* SPDX-License-Identifier: Apache-2.0 */
/* An ignore file, then a NUL byte, then the path to try. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/file_ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size);
	if (!nul)
		return 0;
	struct err err = ERR_INIT;
	struct ignore *ig = NULL;
	size_t len = (size_t)(nul - data);
	if (ignore_parse(".dockerignore", (const char *)data, len, &ig, &err) < 0)
		return 0;
	AUTO_FREE char *raw = xstrndup((const char *)nul + 1, size - len - 1);
	AUTO_FREE char *path = path_clean_rel(raw);
	bool below;
	unsigned line;
	bool first = ignore_match(ig, path, &below, &line);
	/* the remembered parent must not change the answer */
	(void)ignore_match(ig, "other/place", NULL, NULL);
	if (ignore_match(ig, path, NULL, NULL) != first || (first && line == 0))
		abort();
	ignore_free(ig);
	return 0;
}
