/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

#define HOST_MAX 255
#define PORT_HTTP 80
#define PORT_HTTPS 443

/* Suffixes below which each name belongs to somebody else. */
static const char *const shared_suffixes[] = {"azurecr.io", "azurecr.cn", "azurecr.us",
	"amazonaws.com", "github.io", "gitlab.io", "herokuapp.com", "pkg.dev", "run.app",
	"appspot.com", "web.app", "cloudfront.net", "azurewebsites.net", "cloudapp.net",
	"cloudapp.azure.com", "windows.net", "netlify.app", "vercel.app", "pages.dev",
	"workers.dev", "fly.dev", "ngrok.io", "ngrok.app", "ngrok-free.app", "jfrog.io",
	"scw.cloud", "digitaloceanspaces.com", "googleapis.com"};
/* Second labels that are not a name of their own below a country's domain. */
static const char *const second_labels[] = {
	"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ne", "net", "or", "org"};

/* Token services that belong to a registry's owner under another domain. */
static const struct {
	const char *registry, *realm;
} token_services[] = {
	{"registry.hub.docker.com", "auth.docker.io"},
	{".scw.cloud", "api.scaleway.com"},
};

static int check_bytes(const char *s, struct err *err)
{
	if (strlen(s) > URL_MAX)
		return err_set(err, ERR_LIMIT, "URL is longer than %d bytes", URL_MAX);
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f || *s == '\\' ||
			*s == '"')
			return err_set(
				err, ERR_INVALID, "URL holds a character that must be escaped");
	return 0;
}

static bool host_is_valid(const char *host, bool ipv6)
{
	struct in6_addr addr;
	size_t n = strlen(host);
	if (n == 0 || n > HOST_MAX)
		return false;
	if (ipv6)
		return inet_pton(AF_INET6, host, &addr) == 1;
	for (size_t i = 0; i < n; i++) {
		char c = host[i];
		if (!isalnum((unsigned char)c) && c != '-' && c != '.' && c != '_')
			return false;
	}
	return host[0] != '-' && host[0] != '.' && !strstr(host, "..");
}

static int parse_authority(const char *s, size_t n, struct url *u, struct err *err)
{
	AUTO_FREE char *authority = xstrndup(s, n);
	if (strchr(authority, '@'))
		return err_set(err, ERR_INVALID, "URL holds user information");
	bool ipv6 = authority[0] == '[';
	char *host = authority + ipv6;
	char *end = ipv6 ? strchr(host, ']') : strchr(host, ':');
	char *port = NULL;
	if (ipv6 && !end)
		return err_set(err, ERR_INVALID, "URL has no valid host");
	if (end) {
		char *rest = ipv6 ? end + 1 : end;
		if (*rest == ':')
			port = rest + 1;
		else if (*rest)
			return err_set(err, ERR_INVALID, "URL has no valid host");
		*end = '\0';
	}
	if (!host_is_valid(host, ipv6))
		return err_set(err, ERR_INVALID, "URL has no valid host");
	uint64_t number = u->https ? PORT_HTTPS : PORT_HTTP;
	/* an empty one is the scheme's: RFC 3986, 3.2.3 */
	if (port && *port && (!num_u64(port, UINT16_MAX, &number) || number == 0))
		return err_set(err, ERR_INVALID, "URL has no valid port");
	u->port = (uint16_t)number;
	u->host = str_lower(xstrdup(host));
	return 0;
}

int url_parse(const char *text, struct url *ret, struct err *err)
{
	int r = check_bytes(text, err);
	if (r < 0)
		return r;
	struct url u = {0};
	const char *rest;
	if (strncasecmp(text, "https://", 8) == 0) {
		u.https = true;
		rest = text + 8;
	} else if (strncasecmp(text, "http://", 7) == 0) {
		rest = text + 7;
	} else {
		return err_set(err, ERR_INVALID, "URL is neither http nor https");
	}
	size_t n = strcspn(rest, "/?#");
	r = parse_authority(rest, n, &u, err);
	if (r < 0)
		return r;
	rest += n;
	n = strcspn(rest, "#");
	u.target = *rest == '/' ? xstrndup(rest, n) : xasprintf("/%.*s", (int)n, rest);
	*ret = u;
	return 0;
}

int url_resolve(const struct url *base, const char *location, struct url *ret, struct err *err)
{
	int r = check_bytes(location, err);
	if (r < 0)
		return r;
	size_t scheme = strcspn(location, ":/?#");
	if (location[scheme] == ':')
		return url_parse(location, ret, err);
	if (str_has_prefix(location, "//")) {
		AUTO_FREE char *full = xasprintf("%s:%s", base->https ? "https" : "http", location);
		return url_parse(full, ret, err);
	}
	struct url u = {.https = base->https, .host = xstrdup(base->host), .port = base->port};
	size_t n = strcspn(location, "#");
	if (*location == '/') {
		u.target = xstrndup(location, n);
	} else {
		/* Everything after the last '/' of the base's path is replaced; a query alone keeps
		 * the path. */
		size_t keep = n ? strcspn(base->target, "?") : strlen(base->target);
		if (n && *location != '?')
			while (keep > 0 && base->target[keep - 1] != '/')
				keep--;
		u.target = xasprintf("%.*s%.*s", (int)keep, base->target, (int)n, location);
	}
	*ret = u;
	return 0;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);
	return isxdigit((unsigned char)c) && at ? (int)(at - digits) : -1;
}

/* "%40" is '@'; what is no escape stays. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s; s++) {
		int high = *s == '%' ? hex_digit(s[1]) : -1;
		int low = high < 0 ? -1 : hex_digit(s[2]);
		char c = *s;
		if (low >= 0) {
			c = (char)(high << 4 | low);
			s += 2;
		}
		*to++ = c;
	}
	*to = '\0';
}

int url_split_user(const char *text, char **ret_url, char **ret_user, struct err *err)
{
	const char *scheme = strstr(text, "://");
	const char *begin = scheme ? scheme + strlen("://") : text;
	size_t authority = scheme ? strcspn(begin, "/?#") : 0;
	const char *end = authority ? memrchr(begin, '@', authority) : NULL;
	*ret_user = NULL;
	if (!end) {
		*ret_url = xstrdup(text);
		return 0;
	}
	AUTO_FREE char *name = xstrndup(begin, (size_t)(end - begin));
	bool broken = strstr(name, "%00");
	char *password = name + strcspn(name, ":");
	if (*password)
		*password++ = '\0';
	unescape(name);
	unescape(password);
	AUTO_FREE char *user = xasprintf("%s:%s", name, password);
	explicit_bzero(name, (size_t)(end - begin));
	for (const char *c = user; *c && !broken; c++)
		broken = iscntrl((unsigned char)*c);
	if (broken)
		return err_set(err, ERR_INVALID, "the URL's user information has control bytes");
	*ret_url = xasprintf("%.*s%s", (int)(begin - text), text, end + 1);
	*ret_user = take(user);
	return 0;
}

char *url_basic(const char *user)
{
	AUTO_FREE char *encoded = base64_encode(user, strlen(user));
	char *ret = xasprintf("Basic %s", encoded);
	explicit_bzero(encoded, strlen(encoded));
	return ret;
}

void url_done(struct url *u)
{
	free(u->host);
	free(u->target);
	*u = (struct url){0};
}

char *url_origin(const struct url *u)
{
	bool ipv6 = strchr(u->host, ':');
	AUTO_FREE char *host = xasprintf(ipv6 ? "[%s]" : "%s", u->host);
	if (u->port == (u->https ? PORT_HTTPS : PORT_HTTP))
		return xasprintf("%s://%s", u->https ? "https" : "http", host);
	return xasprintf("%s://%s:%u", u->https ? "https" : "http", host, u->port);
}

char *url_shown(const char *text, bool with_query)
{
	const char *scheme = strstr(text, "://");
	const char *host = scheme ? scheme + strlen("://") : text;
	size_t authority = scheme ? strcspn(host, "/?#") : 0;
	const char *at = authority ? memrchr(host, '@', authority) : NULL;
	const char *rest = at ? at + 1 : host;
	size_t n = with_query ? strlen(rest) : strcspn(rest, "?");
	return xasprintf("%.*s%s%.*s%s", (int)(host - text), text, at ? "***@" : "", (int)n, rest,
		rest[n] ? "?..." : "");
}

char *url_str(const struct url *u)
{
	AUTO_FREE char *origin = url_origin(u);
	return xasprintf("%s%s", origin, u->target);
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port && streq(a->host, b->host);
}

bool url_host_is_local(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (strcasecmp(host, "localhost") == 0 || str_has_suffix(host, ".localhost"))
		return true;
	/* inet_aton reads the short and octal spellings that a resolver would accept, too */
	if (inet_aton(host, &v4)) {
		uint32_t a = ntohl(v4.s_addr);
		return a >> 24 == 127 || a >> 24 == 0 || a >> 16 == 0xa9fe;
	}
	if (inet_pton(AF_INET6, host, &v6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6))
		return v6.s6_addr[12] == 127 || v6.s6_addr[12] == 0 ||
		       (v6.s6_addr[12] == 0xa9 && v6.s6_addr[13] == 0xfe);
	return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) ||
	       IN6_IS_ADDR_LINKLOCAL(&v6);
}

static bool is_ip(const char *host)
{
	struct in_addr v4;
	return strchr(host, ':') || inet_aton(host, &v4);
}

static const char *label_before(const char *host, const char *at)
{
	while (at > host && at[-1] != '.')
		at--;
	return at;
}

/* The registrable domain of host, borrowed from it; NULL when it has none that could be shared. */
static const char *registrable(const char *host)
{
	for (size_t i = 0; i < ARRAY_LEN(shared_suffixes); i++) {
		size_t n = strlen(host), m = strlen(shared_suffixes[i]);
		if (str_has_suffix(host, shared_suffixes[i]) && (n == m || host[n - m - 1] == '.'))
			return NULL;
	}
	const char *tld = label_before(host, host + strlen(host));
	if (tld == host || !*tld)
		return NULL;
	const char *second = label_before(host, tld - 1);
	if (strlen(tld) != 2)
		return second;
	size_t n = (size_t)(tld - 1 - second);
	for (size_t i = 0; i < ARRAY_LEN(second_labels); i++)
		if (strlen(second_labels[i]) == n && memcmp(second, second_labels[i], n) == 0)
			return second == host ? NULL : label_before(host, second - 1);
	return second;
}

bool url_same_owner(const char *registry_host, const char *realm_host)
{
	if (streq(registry_host, realm_host))
		return true;
	if (is_ip(registry_host) || is_ip(realm_host))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(token_services); i++)
		if (str_has_suffix(registry_host, token_services[i].registry) &&
			streq(realm_host, token_services[i].realm))
			return true;
	const char *a = registrable(registry_host), *b = registrable(realm_host);
	return a && b && streq(a, b);
}

void url_escape(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (isalnum((unsigned char)*s) || strchr("-._~", *s))
			buf_addch(b, *s);
		else
			buf_addf(b, "%%%02X", (unsigned char)*s);
	}
}
