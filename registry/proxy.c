/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/proxy.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"

#define EXCEPTIONS_MAX (64 * KIB)
#define THIS_MACHINE "localhost,127.0.0.0/8,::1"

/* An exception for one port of a host becomes one for the host: libcurl knows no ports. An IPv6
 * address has more than one colon, or brackets. */
static size_t length_without_port(const char *entry)
{
	const char *colon = strchr(entry, ':');
	if (*entry == '[')
		return strcspn(entry, "]") + (strchr(entry, ']') != NULL);
	return colon && !strchr(colon + 1, ':') ? (size_t)(colon - entry) : strlen(entry);
}

char *proxy_exceptions(const char *no_proxy)
{
	AUTO_BUF struct buf b = BUF_INIT(EXCEPTIONS_MAX);
	AUTO_STRV struct strv entries = STRV_INIT;
	AUTO_FREE char *text = xstrdup(no_proxy ? no_proxy : "");
	for (char *p = text; *p; p++)
		if (strchr(" \t;", *p))
			*p = ',';
	strv_split(&entries, text, ',');
	buf_addstr(&b, THIS_MACHINE);
	STRV_FOREACH (entry, &entries) {
		const char *e = str_has_prefix(*entry, "*.") ? *entry + 1 : *entry;
		if (streq(e, "*"))
			return xstrdup("*");
		if (*e)
			buf_addf(&b, ",%.*s", (int)length_without_port(e), e);
	}
	return xstrdup(b.toobig ? THIS_MACHINE : buf_str(&b));
}
