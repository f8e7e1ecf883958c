/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "registry/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_JSON struct json *j = NULL;
	int r = yaml_to_json((const char *)data, size, "fuzz", &j, &err);
	if ((r == 0) != (j != NULL) || (r < 0 && !err.msg[0]))
		__builtin_trap();
	return 0;
}
