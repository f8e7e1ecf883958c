/* SPDX-License-Identifier: Apache-2.0 */
/* What reading (credentials.c) and changing (credentials_update.c) an auth file share. */
#pragma once
#include "base/mem.h"
#include "registry/credentials.h"

#define AUTHFILE_MAX (4 * MIB)

struct json;

/* The one file that login writes: --authfile, $REGISTRY_AUTH_FILE, docker's of $DOCKER_CONFIG, else
 * that of the user's run-time directory. New string. */
char *credentials_main_path(const char *authfile);
int credentials_parse_file(const char *text, size_t n, const char *what, struct json **ret,
	struct err *err) __attribute__((warn_unused_result));
/* Who keeps those of a host, by its own entry of the file; NULL: nobody. docker: keys may be URLs.
 * Borrowed from top. */
const char *credentials_helper(const struct json *top, bool docker, const char *host);
/* What helpers and docker call it: Docker Hub has a name of its own there. Borrowed. */
const char *credentials_helper_key(const char *key);
/* In credentials_helper.c: asks it for those of a host, unless it said so before. said: may be
 * NULL. ERR_NOT_FOUND: it keeps none. */
int credentials_ask_helper(const char *helper, const char *host, struct helper_answer *said,
	struct credentials *ret, struct err *err) __attribute__((warn_unused_result));
