/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/registries_d.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_REGISTRIES_D struct registries_d d = {0};
	AUTO_REFERENCE struct reference ref = {0};
	if (reference_parse("a.b:1/c/d:t", &ref, &err) < 0)
		__builtin_trap();
	if (registries_d_add(&d, (const char *)data, size, "fuzz", &err) < 0) {
		if (!err.msg[0])
			__builtin_trap();
		return 0;
	}
	AUTO_FREE char *read = registries_d_place(&d, &ref, false);
	AUTO_FREE char *write = registries_d_place(&d, &ref, true);
	if ((read && !*read) || (write && !*write))
		__builtin_trap();
	return 0;
}
