/* SPDX-License-Identifier: Apache-2.0 */
/* The full form of a reference is a fixed point, and never holds '..'. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	AUTO_REFERENCE struct reference r = {0}, again = {0};
	if (reference_parse(text, &r, &err) < 0)
		return 0;
	AUTO_FREE char *full = reference_str(&r);
	if (reference_parse(full, &again, &err) < 0)
		abort();
	AUTO_FREE char *second = reference_str(&again);
	if (!streq(full, second) || strstr(full, ".."))
		abort();
	return 0;
}
