/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of a scanner, with a line of "---" between them: the first letter says how they are
 * merged. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/sbom_merge.h"

#define DOCUMENTS 4
#define RESULT_MAX (1 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char between[] = "\n---\n";
	struct sbom_document d[DOCUMENTS];
	AUTO_BUF struct buf merged = BUF_INIT(RESULT_MAX), purls = BUF_INIT(RESULT_MAX);
	struct err err = ERR_INIT;
	size_t n = 0;
	if (!size)
		return 0;
	AUTO_FREE char *text = xstrndup((const char *)data + 1, size - 1);
	for (char *at = text, *end; at && n < DOCUMENTS; at = end ? end + strlen(between) : NULL) {
		end = strstr(at, between);
		d[n++] = (struct sbom_document){at, end ? (size_t)(end - at) : strlen(at)};
	}
	enum sbom_merge how = data[0] == 'c' ? SBOM_MERGE_CYCLONEDX : SBOM_MERGE_SPDX;
	if (sbom_merge(how, d, n, &merged, &purls, &err) < 0 && !*err.msg)
		abort();
	return 0;
}
