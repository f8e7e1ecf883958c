/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that are kept for registries, and how a registry is reached with them. */
#pragma once
#include "registry/transport.h"

struct json;

/* What the nth place of "HOST[/REPOSITORY]" is asked with, and answers: a document with the members
 * configuration, place, mirror, connection, certificates, credentials, reached, answer. Places are
 * in the order in which a pull tries them. ERR_NOT_FOUND: there are not so many. */
int registry_check(const char *registry, const struct remote_opts *o, size_t place,
	struct json **ret, struct err *err) __attribute__((warn_unused_result));

/* login verifies the credentials against the registry and stores them in the auth file (0600);
 * logout removes them. *ret_where: where they are kept, *ret_elsewhere: the file where others are,
 * which stay, when there were none; new strings. */
int registry_login(const char *registry, const char *user, const char *password,
	const struct remote_opts *o, char **ret_where, struct err *err)
	__attribute__((warn_unused_result));
int registry_logout(const char *registry, bool all, const struct remote_opts *o,
	char **ret_elsewhere, struct err *err) __attribute__((warn_unused_result));
/* With what is kept for it, which stays as it is. ERR_NOT_FOUND: nothing, or a token; ERR_AUTH: it
 * is no longer right. */
int registry_login_again(const char *registry, const struct remote_opts *o, struct err *err)
	__attribute__((warn_unused_result));
/* The user name kept for it, or ERR_NOT_FOUND. New string. */
int registry_login_user(const char *registry, const struct remote_opts *o, char **ret_user,
	struct err *err) __attribute__((warn_unused_result));
