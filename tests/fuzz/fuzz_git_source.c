/* SPDX-License-Identifier: Apache-2.0 */
/* The URL of a git repository: whatever is taken, nothing of it can become an option. */
#include "base/err.h"
#include "base/mem.h"
#include "build/git_source.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	AUTO_GIT_SOURCE struct git_source g = {0};
	struct err err = ERR_INIT;
	if (!git_source_is(text) || git_source_parse(text, &g, &err) < 0)
		return 0;
	const char *host = strstr(g.url, "://");
	if (g.url[0] == '-' || (g.ref && g.ref[0] == '-') || g.subdir[0] == '/' ||
		(host && host[3] == '-'))
		abort();
	/* ssh takes the host as a word of its own */
	const char *end = host ? host + 3 + strcspn(host + 3, "/") : g.url + strcspn(g.url, ":/");
	for (const char *at = g.url; (at = memchr(at, '@', (size_t)(end - at))); at++)
		if (at[1] == '-')
			abort();
	return 0;
}
