/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/identity.h"

#include <stdlib.h>

#include "base/called.h"

const char *identity_label(int said, bool fixed)
{
	fixed = fixed || getenv("SOURCE_DATE_EPOCH");
	bool wanted = said < 0 ? called_buildah() && !fixed : said == 1;

	if (!wanted)
		return NULL;
	return called_buildah() ? BUILDAH_VERSION : MICA_VERSION;
}
