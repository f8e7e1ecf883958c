/* SPDX-License-Identifier: Apache-2.0 */
/* What reading (credentials.c, credentials_find.c) and changing (credentials_update.c) credentials
 * share. */
#pragma once
#include "base/mem.h"
#include "registry/credentials.h"

#define AUTHFILE_MAX (4 * MIB)

struct json;

/* The one file that login writes: --authfile, $REGISTRY_AUTH_FILE, docker's of $DOCKER_CONFIG, else
 * that of the user's run-time directory. *ret_docker: it is docker's. New string. */
char *credentials_main_path(const struct credential_places *places, bool *ret_docker);
/* In credentials.c: what one file says of it. */
int credentials_find_in_text(const char *text, size_t n, const char *what, enum auth_form form,
	const char *host, const char *repository, struct helper_answers *said,
	struct credentials *ret, struct err *err) __attribute__((warn_unused_result));
int credentials_parse_file(const char *text, size_t n, const char *what, struct json **ret,
	struct err *err) __attribute__((warn_unused_result));
/* Who keeps those of a host, by its own entry of the file; NULL: nobody. docker: keys may be URLs.
 * Borrowed from top. */
const char *credentials_helper(const struct json *top, bool docker, const char *host);
/* What docker calls it, and the helpers that a file names: Docker Hub has a name of its own there.
 * Borrowed. */
const char *credentials_docker_key(const char *key);
/* In credentials_helper.c: asks it for those of a server, unless it said so before. said: may be
 * NULL. ERR_NOT_FOUND: it keeps none. */
int credentials_ask_helper(const char *helper, const char *server, struct helper_answers *said,
	struct credentials *ret, struct err *err) __attribute__((warn_unused_result));
/* ERR_UNSUPPORTED: they are asked for hosts alone, and key has a path. */
int credentials_helper_may_keep(const char *helper, const char *key, struct err *err)
	__attribute__((warn_unused_result));
int credentials_helper_store(const char *helper, const char *server, const struct credentials *c,
	struct err *err) __attribute__((warn_unused_result));
/* ERR_NOT_FOUND: it keeps none. */
int credentials_helper_erase(const char *helper, const char *server, struct err *err)
	__attribute__((warn_unused_result));
/* Those of all servers. */
int credentials_helper_erase_all(const char *helper, struct err *err)
	__attribute__((warn_unused_result));
/* In credentials_find.c: those of registries.conf; the files alone where it names none, or they
 * are docker's. */
void credentials_helpers(const struct credential_places *places, bool docker, struct strv *ret);
/* As it is shown. New string. */
char *credentials_helper_name(const char *helper);
