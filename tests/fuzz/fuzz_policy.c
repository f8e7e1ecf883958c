/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "base/err.h"
#include "image/reference.h"
#include "registry/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_DEMANDS struct demands demands = {0};
	AUTO_REFERENCE struct reference ref = {0};
	if (reference_parse("a.b:1/c/d:t", &ref, &err) < 0)
		__builtin_trap();
	/* what says no says why */
	if (policy_check_text((const char *)data, size, "fuzz", "docker", &ref, NULL, NULL,
		    &demands, &err) < 0 &&
		!err.msg[0])
		__builtin_trap();
	return 0;
}
