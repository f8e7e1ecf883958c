/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The git program, with a clean environment: no configuration, no hooks, no prompts, and http,
 * https, ssh and git only. A command may take half an hour and write files of 16 GiB.
 */
#pragma once
#include <stdbool.h>

struct buf;
struct err;

/* An Authorization header for one server; an agent for ssh. */
struct git_auth {
	char *origin; /* https://HOST[:PORT]; NULL: none */
	char *header;
	char *agent; /* its socket; NULL: that of SSH_AUTH_SOCK */
	bool no_keys; /* and without one, as nobody: no agent, no key files */
};

/* secret: the header's value, or a token as GitHub and others take it. ERR_INVALID */
int git_auth_set(struct git_auth *a, const char *origin, const char *secret, bool token,
	struct err *err) __attribute__((warn_unused_result));
void git_auth_done(struct git_auth *a);

/* git ARGS.. in dirfd (-1: nowhere). out may be NULL. ERR_NETWORK: it failed; ERR_LIMIT,
 * ERR_UNSUPPORTED (no git here). */
int git_run(int dirfd, const struct git_auth *auth, const char *const args[], struct buf *out,
	struct err *err) __attribute__((warn_unused_result));
