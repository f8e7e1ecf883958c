/* SPDX-License-Identifier: Apache-2.0 */
#include "base/url_user.h"

#include "base/mem.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define ENDS " \t\r\n\"" /* what no URL holds */
#define DIGITS "0123456789"

/* A '/', '?' or '#' in a password that nobody has escaped ends the host for us, too, and what is
 * before it is no port. */
static bool is_cut(const char *host, const char *end)
{
	const char *port = memrchr(host, ':', (size_t)(end - host));
	return port && *host != '[' && port[1] != '$' && port + 1 + strspn(port + 1, DIGITS) < end;
}

static void hide(char *text)
{
	for (char *at = text; (at = strstr(at, "://"));) {
		bool ssh = at - text >= 3 && strncasecmp(at - 3, "ssh", 3) == 0;
		at += strlen("://");
		char *end = at + strcspn(at, "/?#" ENDS);
		char *host = memrchr(at, '@', (size_t)(end - at));
		if (!host && is_cut(at, end)) {
			end = at + strcspn(at, ENDS);
			host = memrchr(at, '@', (size_t)(end - at));
		}
		char *secret = host && ssh ? memchr(at, ':', (size_t)(host - at)) : at;
		if (host && secret)
			memset(secret, '*', (size_t)(host - secret));
		at = host ? host : end;
	}
}

void url_user_hide(char *text, size_t len)
{
	for (char *part = text; part < text + len; part += strlen(part) + 1)
		hide(part);
}

char *url_user_hidden(const char *text)
{
	char *copy = xstrdup(text);
	hide(copy);
	return copy;
}
