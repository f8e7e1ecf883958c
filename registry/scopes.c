/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/scopes.h"

#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "image/reference.h"

void registry_scopes(const struct reference *ref, struct strv *ret)
{
	char digest[DIGEST_STR_MAX];
	AUTO_FREE char *name = reference_name(ref);
	if (ref->has_digest)
		strv_addf(ret, "%s@%s", name, digest_str(&ref->digest, digest));
	if (ref->tag)
		strv_addf(ret, "%s:%s", name, ref->tag);
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
