/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern, a newline, a name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *pattern = xstrndup((const char *)data, size);
	char *name = strchr(pattern, '\n');
	if (!name)
		return 0;
	*name++ = '\0';
	(void)glob_valid(pattern);
	/* a pattern of plain characters matches itself only */
	if (!strpbrk(pattern, "*?[\\") && glob_match(pattern, name) != streq(pattern, name))
		abort();
	return 0;
}
