/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to a registry: containers-auth.json(5), docker's config.json, and credential helpers
 * (docker-credential-NAME). Passwords are never logged and never given to a program as an argument.
 * A helper that a file names and that is broken is an error: we do not go on as somebody else.
 */
#pragma once
#include <stdbool.h>

struct err;
struct strv;

struct credentials {
	char *user;
	char *password;
	char *identity_token; /* an OAuth2 refresh token in place of user and password */
	bool of_helper; /* they are not in the file that was read */
};

/* The helper of registries.conf that is the authentication files. */
#define CREDENTIAL_FILES "containers-auth.json"

/* Who is asked for credentials. */
struct credential_places {
	/* NULL: that of $REGISTRY_AUTH_FILE, else of $DOCKER_CONFIG, else the usual files */
	const char *authfile;
	/* It is docker's, who knows no helpers but those it names; as that of $DOCKER_CONFIG. */
	bool docker;
	/* credential-helpers of registries.conf, which are tried in turn; NULL, none: the files
	 * alone. */
	const struct strv *helpers;
};

/* What helpers said of a host. Who keeps it asks each once: they take their time, and some ask the
 * user. */
struct helper_answers {
	struct helper_answer *a;
	size_t n;
};
/* They are asked again: what they said has expired. */
void helper_answers_forget(struct helper_answers *said);

/* One that was asked for must be there and be an authentication file. */
int credentials_check_file(const char *authfile, struct err *err)
	__attribute__((warn_unused_result));
/* How a file says it: containers-auth.json(5); docker's config.json, whose keys may be URLs;
 * docker's older .dockercfg, which has nothing but these keys. */
enum auth_form { AUTH_FORM_CONTAINERS, AUTH_FORM_DOCKER, AUTH_FORM_DOCKERCFG };

/* For "host[:port]" and a repository below it: the most specific key wins; each file, and each
 * helper of registries.conf, is tried in turn. ERR_NOT_FOUND: none are kept. said: what helpers
 * said of the host before, and say now; NULL: it is not kept. *ret_path: the file, or which helper;
 * a new string. */
int credentials_find(const struct credential_places *places, const char *host,
	const char *repository, struct helper_answers *said, struct credentials *ret,
	char **ret_path, struct err *err) __attribute__((warn_unused_result));
/* May getting credentials start a program? */
bool credentials_name_helpers(const struct credential_places *places);
/* Keeps them for key ("host[:port][/path]") where the first place takes them: the auth file, 0600,
 * whose other members survive; its helper when it names one; a helper of registries.conf.
 * *ret_where: the file, or which helper; a new string, may be NULL. */
int credentials_store(const struct credential_places *places, const char *key,
	const struct credentials *c, char **ret_where, struct err *err)
	__attribute__((warn_unused_result));
/* From all of them. ERR_NOT_FOUND: there were none. */
int credentials_remove(const struct credential_places *places, const char *key, struct err *err)
	__attribute__((warn_unused_result));
int credentials_remove_all(const struct credential_places *places, struct err *err)
	__attribute__((warn_unused_result));
/* "user:password" of --creds; ERR_INVALID without a user. */
int credentials_split(const char *text, struct credentials *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Overwrites the secrets before it frees them. */
void credentials_done(struct credentials *c);
#define AUTO_CREDENTIALS __attribute__((cleanup(credentials_done)))

/* In auth_helper.c */
bool auth_helper_is_name(const char *name);
/* Runs docker-credential-NAME. verb: "get", "store", "erase", "list"; input is its stdin.
 * *ret_output: new string. ERR_NOT_FOUND when it keeps nothing for us. */
int auth_helper_run(const char *name, const char *verb, const char *input, char **ret_output,
	struct err *err) __attribute__((warn_unused_result));
/* Who we ask it for closes the other end of this socket when he needs it no more: then it is given
 * up at once. */
void auth_helper_watch(int socket);

/* The members of one auth file's text that matter here; for credentials_find and the fuzzer. */
int credentials_from_text(const char *text, unsigned long n, const char *what, enum auth_form form,
	const char *host, const char *repository, struct credentials *ret, struct err *err)
	__attribute__((warn_unused_result));
