/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/mem.h"
#include "run/sandbox_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int send_report(int sock, const struct report *r, int fd)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)r, .iov_len = sizeof(*r)};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	ssize_t n;
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

int report_error(int sock, const struct err *err)
{
	struct report r = {.kind = REPORT_ERROR, .u.code_sys = {err->code, err->sys}, .fd = -1};
	snprintf(r.msg, sizeof(r.msg), "%s", err->msg);
	return send_report(sock, &r, -1);
}

int report_stub(int sock, const struct report_stub *stub, int parent)
{
	struct report r = {.kind = REPORT_STUB, .u.stub = *stub, .fd = -1};
	return send_report(sock, &r, parent);
}

int report_dir(int sock, const struct report_dir *dir)
{
	struct report r = {.kind = REPORT_DIR, .u.dir = *dir, .fd = -1};
	return send_report(sock, &r, -1);
}

int report_terminal(int sock, int master)
{
	struct report r = {.kind = REPORT_TERMINAL, .fd = -1};
	return send_report(sock, &r, master);
}

int report_user(int sock, const struct report_user *user)
{
	struct report r = {.kind = REPORT_USER, .u.user = *user, .fd = -1};
	return send_report(sock, &r, -1);
}

int report_receive(int sock, struct report *ret, struct err *err)
{
	struct iovec iov = {.iov_base = ret, .iov_len = sizeof(*ret)};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "cannot hear from the sandbox");
	if (n == 0)
		return 0;
	ret->fd = -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&ret->fd, CMSG_DATA(c), sizeof(ret->fd));
	if ((size_t)n != sizeof(*ret)) {
		mem_close_p(&ret->fd);
		return err_set(
			err, ERR_SYS, "the sandbox sent %zd bytes instead of %zu", n, sizeof(*ret));
	}
	ret->msg[sizeof(ret->msg) - 1] = '\0';
	return 1;
}
