/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdpass.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

int message_send(int sock, const struct json *j, int fd, struct err *err)
{
	AUTO_FREE char *text = json_dump(j, 0);
	size_t n = strlen(text);
	if (n > MESSAGE_MAX)
		return err_set(err, ERR_LIMIT, "message to or from mica-remote is too long");
	int r = fdpass_send(sock, text, n, fd);
	explicit_bzero(text, n);
	return r < 0 ? err_sys(err, "cannot talk to mica-remote") : 0;
}

void message_offer(int sock, const struct json *j)
{
	AUTO_FREE char *text = json_dump(j, 0);
	if (send(sock, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("dropped: %s", text);
}

int message_recv(int sock, struct json **ret, int *ret_fd, struct err *err)
{
	AUTO_FREE char *text = xmalloc(MESSAGE_MAX + 1);
	AUTO_FD int fd = -1;
	bool cut = false;
	ssize_t n = fdpass_receive(sock, text, MESSAGE_MAX + 1, 0, &fd, &cut);
	if (n < 0 && errno == EAGAIN)
		return 1;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return err_set(err, ERR_NOT_FOUND, "mica-remote ended unexpectedly");
	if (n < 0)
		return err_sys(err, "cannot hear from mica-remote");
	if ((size_t)n > MESSAGE_MAX || cut)
		return err_set(err, ERR_LIMIT, "message to or from mica-remote is too long");
	int r = json_parse(text, (size_t)n, "message", ret, err);
	explicit_bzero(text, (size_t)n);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}
