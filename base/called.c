/* SPDX-License-Identifier: Apache-2.0 */
#include "base/called.h"

#include <errno.h>

#include "base/mem.h"

bool called_buildah(void)
{
	return streq(program_invocation_short_name, "buildah");
}

const char *called_name(void)
{
	return called_buildah() ? "buildah" : "mica";
}
