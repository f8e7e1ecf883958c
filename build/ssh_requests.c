/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ssh_requests.h"

#include "base/buf.h"

#include <stdint.h>

enum { SSH_AGENT_FAILURE = 5, SSH_AGENTC_REQUEST_IDENTITIES = 11, SSH_AGENTC_SIGN_REQUEST = 13 };

#define LENGTH 4 /* bytes of it before each message */

static uint32_t length_of(const struct buf *message)
{
	const unsigned char *p = (const unsigned char *)message->data;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void answer(const struct buf *message, struct buf *to_agent, struct buf *to_step)
{
	static const char failure[] = {0, 0, 0, 1, SSH_AGENT_FAILURE};
	char type = message->data[LENGTH];
	if (type == SSH_AGENTC_REQUEST_IDENTITIES || type == SSH_AGENTC_SIGN_REQUEST)
		buf_add(to_agent, message->data, message->len);
	else
		buf_add(to_step, failure, sizeof(failure));
}

bool ssh_requests(
	struct buf *held, const char *bytes, size_t n, struct buf *to_agent, struct buf *to_step)
{
	while (n) {
		/* the length first, then as much as it says */
		size_t want = held->len < LENGTH ? LENGTH : LENGTH + (size_t)length_of(held);
		size_t part = want - held->len < n ? want - held->len : n;
		buf_add(held, bytes, part);
		bytes += part;
		n -= part;
		if (held->len == LENGTH &&
			(length_of(held) == 0 || length_of(held) > SSH_MESSAGE_MAX - LENGTH))
			return false;
		if (held->len > LENGTH && held->len == LENGTH + (size_t)length_of(held)) {
			answer(held, to_agent, to_step);
			buf_clear(held);
		}
	}
	return true;
}
