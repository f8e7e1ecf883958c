/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs of registries, token services and redirects (RFC 3986, http and https only). They come from
 * the other side: user information, control bytes, blanks and other schemes are refused, so that no
 * credentials can ride on one and none leads to a local file.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct err;

#define URL_MAX 16384 /* storage services sign their URLs with several kilobytes */

struct url {
	bool https;
	char *host; /* lower case; an IPv6 address without its brackets */
	uint16_t port; /* the scheme's own when none was given */
	char *target; /* path and query, begins with '/'; the fragment is dropped */
};

/* ERR_INVALID, ERR_LIMIT */
int url_parse(const char *text, struct url *ret, struct err *err)
	__attribute__((warn_unused_result));
/* RFC 3986 5.2 for what a Location header may say: absolute, "//host/path", "/path", "?query" or a
 * relative path. */
int url_resolve(const struct url *base, const char *location, struct url *ret, struct err *err)
	__attribute__((warn_unused_result));
void url_done(struct url *u);
#define AUTO_URL __attribute__((cleanup(url_done)))
/*
 * Who logs in, taken out of a URL that somebody typed (RFC 7617): *ret_url is the rest of it,
 * *ret_user "user:password" with escapes decoded, NULL when it has none. Both are new strings.
 * ERR_INVALID: control bytes in it.
 */
int url_split_user(const char *text, char **ret_url, char **ret_user, struct err *err)
	__attribute__((warn_unused_result));
/* What an Authorization header says for that: "Basic ...". New string. */
char *url_basic(const char *user);
/* New string. */
char *url_str(const struct url *u);
/* What may be shown of a URL that somebody typed: no user information and, unless with_query, no
 * query. New string. */
char *url_shown(const char *text, bool with_query);
/* scheme://host[:port], for messages. New string. */
char *url_origin(const struct url *u);
/* The only pairs of URLs between which an Authorization header may travel. */
bool url_same_origin(const struct url *a, const struct url *b);
/* localhost, or a literal loopback, link-local or unspecified address: what a foreign registry has
 * no business to send us to. */
bool url_host_is_local(const char *host);
/*
 * May credentials for a registry be shown to a token service? Yes on the same host, or when both
 * have the same registrable domain: the last two labels, three where the second is a common one
 * below a country ("co.uk"). On domains that are handed out to many owners (azurecr.io ...) only
 * the same host, or the one that all of them have.
 */
bool url_same_owner(const char *registry_host, const char *realm_host);
/* Appends s with everything but unreserved characters as %XX. */
void url_escape(struct buf *b, const char *s);
