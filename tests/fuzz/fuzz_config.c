/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a config is a fixed point: what is written reads back as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct image_config c, again;
	if (image_config_parse((const char *)data, size, &c, &err) < 0)
		return 0;
	AUTO_FREE char *text = image_config_dump(&c);
	image_config_done(&c);
	if (image_config_parse(text, strlen(text), &again, &err) < 0)
		return 0; /* escapes can make it longer than the limit */
	AUTO_FREE char *second = image_config_dump(&again);
	image_config_done(&again);
	if (!streq(text, second))
		abort();
	return 0;
}
