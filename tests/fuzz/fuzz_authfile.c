/* SPDX-License-Identifier: Apache-2.0 */
/* auth.json, docker's config.json, .dockercfg; helpers that the input names are not installed. */
#include <stdint.h>

#include "base/err.h"
#include "registry/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int form = AUTH_FORM_CONTAINERS; form <= AUTH_FORM_DOCKERCFG; form++) {
		struct err err = ERR_INIT;
		AUTO_CREDENTIALS struct credentials c = {0};
		if (credentials_from_text((const char *)data, size, "fuzz", (enum auth_form)form,
			    "docker.io", "library/x", &c, &err) < 0)
			continue;
	}
	return 0;
}
