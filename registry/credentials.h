/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to a registry: containers-auth.json(5), docker's config.json, and credential helpers
 * (docker-credential-NAME). Passwords are never logged and never given to a program as an argument.
 * A helper that is configured but broken is an error: we do not go on as somebody else.
 */
#pragma once
#include <stdbool.h>

struct err;

struct credentials {
	char *user;
	char *password;
	char *identity_token; /* an OAuth2 refresh token in place of user and password */
	bool of_helper; /* they are not in the file that was read */
};

/* What a helper said of a host. Who keeps it asks once: helpers take their time, and some ask the
 * user. */
struct helper_answer {
	char *helper; /* NULL: none was asked */
	bool none; /* it keeps nothing */
	struct credentials credentials;
};
/* It is asked again: what it said has expired. */
void helper_answer_forget(struct helper_answer *a);

/* One that was asked for must be there and be an authentication file. */
int credentials_check_file(const char *authfile, struct err *err)
	__attribute__((warn_unused_result));
/* How a file says it: containers-auth.json(5); docker's config.json, whose keys may be URLs;
 * docker's older .dockercfg, which has nothing but these keys. */
enum auth_form { AUTH_FORM_CONTAINERS, AUTH_FORM_DOCKER, AUTH_FORM_DOCKERCFG };

/* For "host[:port]" and a repository below it: the most specific key wins; each file is tried in
 * turn. authfile NULL: that of $REGISTRY_AUTH_FILE, else of $DOCKER_CONFIG, else the usual files.
 * ERR_NOT_FOUND: none are kept. said: what a helper said of the host before, and says now; NULL: it
 * is not kept. *ret_path: the file, a new string. */
int credentials_find(const char *authfile, const char *host, const char *repository,
	struct helper_answer *said, struct credentials *ret, char **ret_path, struct err *err)
	__attribute__((warn_unused_result));
/* Does one of the files name a helper, so that getting credentials may start a program? */
bool credentials_name_helpers(const char *authfile);
/* Keeps them for key ("host[:port][/path]") in the auth file, 0600, through its helper when one is
 * configured; other members of the file survive. *ret_where: the file, or which helper; a new
 * string, may be NULL. */
int credentials_store(const char *authfile, const char *key, const struct credentials *c,
	char **ret_where, struct err *err) __attribute__((warn_unused_result));
/* ERR_NOT_FOUND: there were none. */
int credentials_remove(const char *authfile, const char *key, struct err *err)
	__attribute__((warn_unused_result));
int credentials_remove_all(const char *authfile, struct err *err)
	__attribute__((warn_unused_result));
/* "user:password" of --creds; ERR_INVALID without a user. */
int credentials_split(const char *text, struct credentials *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Overwrites the secrets before it frees them. */
void credentials_done(struct credentials *c);
#define AUTO_CREDENTIALS __attribute__((cleanup(credentials_done)))

/* "user:password" in base64 and back, as the files and Basic authentication have it. New string;
 * NULL when it is no base64. */
char *base64_encode(const void *data, unsigned long n);
char *base64_decode(const char *text, unsigned long *ret_n);

/* In auth_helper.c: runs docker-credential-NAME. verb: "get", "store", "erase"; input is its stdin.
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
