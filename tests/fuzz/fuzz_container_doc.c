/* SPDX-License-Identifier: Apache-2.0 */
/* container.json: what is accepted is written and read again as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "store/container_doc.h"
#include "store/containers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CONTAINER struct container c, again;
	struct err err = ERR_INIT;

	container_init(&c);
	container_init(&again);
	if (container_doc_parse((const char *)data, size, &c, &err) < 0)
		return 0;
	AUTO_FREE char *text = container_doc_dump(&c);
	if (container_doc_parse(text, strlen(text), &again, &err) < 0)
		abort();
	AUTO_FREE char *same = container_doc_dump(&again);
	if (strcmp(text, same) != 0)
		abort();
	return 0;
}
