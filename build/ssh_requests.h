/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step may ask an ssh agent: which keys there are, and for signatures. Everything else (to
 * add, remove or lock keys, to load a PKCS#11 library as in CVE-2023-38408, extensions) is refused
 * as the agent would, by SSH_AGENT_FAILURE. draft-ietf-sshm-ssh-agent, sections 3 to 5.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;

/* The longest message, as OpenSSH has it, and its length before it. */
#define SSH_MESSAGE_MAX (256 * 1024 + 4)

/*
 * Takes n bytes from the step. held (its max: SSH_MESSAGE_MAX) keeps the beginning of a message
 * that is not whole yet. Appends what goes to the agent and what the step is answered. False: this
 * is no agent's client, the connection is to be closed.
 */
bool ssh_requests(struct buf *held, const char *bytes, size_t n, struct buf *to_agent,
	struct buf *to_step) __attribute__((warn_unused_result));
