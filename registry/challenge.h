/* SPDX-License-Identifier: Apache-2.0 */
/* The WWW-Authenticate header: which schemes a registry accepts, and where its token service is.
 * RFC 9110 11.6.1, RFC 6750 3, distribution's token specification. */
#pragma once
#include <stddef.h>

struct err;

#define CHALLENGES_MAX 8

struct challenge {
	char *scheme; /* lower case */
	char *realm, *service, *scope, *error; /* NULL: not there */
};

struct challenges {
	struct challenge c[CHALLENGES_MAX];
	size_t n;
};

/* Appends what one header value says. ERR_INVALID; ERR_LIMIT above CHALLENGES_MAX. ret must be
 * zero-initialised or hold earlier ones. */
int challenges_parse(const char *p, struct challenges *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The first of a scheme ("bearer"), or NULL. Borrowed. */
const struct challenge *challenges_find(const struct challenges *c, const char *scheme);
void challenges_done(struct challenges *c);
