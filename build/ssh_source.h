/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --ssh hands to RUN --mount=type=ssh: the socket of an agent, or keys, for which an agent of
 * the build's own is started.
 */
#pragma once
#include "base/strv.h"
#include <stdbool.h>
#include <sys/types.h>

struct err;
struct txn;

struct ssh_source {
	char *id;
	struct strv keys; /* files of private keys; none: there is an agent */
	int socket; /* O_PATH of the agent's, -1: not started */
	bool raw; /* whatever it is that listens there: nothing is looked at */
	pid_t agent; /* ours; 0: none */
};

/*
 * "ID", "ID=SOCKET[,raw=true]" or "ID=KEY[,KEY...]"; without a path the socket of SSH_AUTH_SOCK.
 * ERR_INVALID, ERR_NOT_FOUND.
 */
int ssh_source_parse(const char *text, struct ssh_source *ret, struct err *err)
	__attribute__((warn_unused_result));
/*
 * The first time, where there are keys: starts ssh-agent(1), with its socket in the transaction,
 * and gives it the keys. It ends with the source, and with this process. ERR_INVALID: a key cannot
 * be read or has a passphrase; ERR_UNSUPPORTED: ssh-agent is not installed.
 */
int ssh_source_start(struct ssh_source *s, struct txn *t, struct err *err)
	__attribute__((warn_unused_result));
void ssh_source_done(struct ssh_source *s);
