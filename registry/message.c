/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/message.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

int message_send(int sock, const struct json *j, int fd, struct err *err)
{
	AUTO_FREE char *text = json_dump(j, 0);
	struct iovec iov = {.iov_base = text, .iov_len = strlen(text)};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (iov.iov_len > MESSAGE_MAX)
		return err_set(err, ERR_LIMIT, "message to or from mica-remote is too long");
	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	ssize_t n;
	/* A reply is never lost: a full socket is waited for, also a non-blocking one. */
	while ((n = sendmsg(sock, &msg, MSG_NOSIGNAL)) < 0 && (errno == EINTR || errno == EAGAIN)) {
		struct pollfd p = {.fd = sock, .events = POLLOUT};
		if (errno == EAGAIN)
			(void)poll(&p, 1, -1);
	}
	explicit_bzero(text, iov.iov_len);
	return n < 0 ? err_sys(err, "cannot talk to mica-remote") : 0;
}

static int received_fd(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
			c->cmsg_len == CMSG_LEN(sizeof(int))) {
			int fd;
			memcpy(&fd, CMSG_DATA(c), sizeof(int));
			return fd;
		}
	}
	return -1;
}

int message_recv(int sock, struct json **ret, int *ret_fd, struct err *err)
{
	AUTO_FREE char *text = xmalloc(MESSAGE_MAX + 1);
	struct iovec iov = {.iov_base = text, .iov_len = MESSAGE_MAX + 1};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n;
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN))
		return 1;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return err_set(err, ERR_NOT_FOUND, "mica-remote ended unexpectedly");
	if (n < 0)
		return err_sys(err, "cannot hear from mica-remote");
	AUTO_FD int fd = received_fd(&msg);
	if ((size_t)n > MESSAGE_MAX || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return err_set(err, ERR_LIMIT, "message to or from mica-remote is too long");
	int r = json_parse(text, (size_t)n, "message", ret, err);
	explicit_bzero(text, (size_t)n);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}
