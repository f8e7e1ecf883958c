/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/scopes.h"

#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "image/reference.h"

void registry_scopes(const struct reference *ref, struct strv *ret)
{
	AUTO_FREE char *full = reference_str(ref), *name = reference_name(ref);
	if (!streq(full, name))
		strv_add(ret, full);
	for (;;) {
		strv_add(ret, name);
		char *slash = strrchr(name, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	/* host[:port], then *.of, *.its, *.domains */
	name[strcspn(name, ":")] = '\0';
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		strv_addf(ret, "*%s", dot);
}
