/* SPDX-License-Identifier: Apache-2.0 */
#include "run/report.h"
#include "base/err.h"
#include "base/fdpass.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int report_error(int sock, const struct err *err)
{
	struct report r = {.kind = REPORT_ERROR, .u.code_sys = {err->code, err->sys}, .fd = -1};
	snprintf(r.msg, sizeof(r.msg), "%s", err->msg);
	return fdpass_send(sock, &r, sizeof(r), -1);
}

int report_stub(int sock, const struct report_stub *stub, int parent)
{
	struct report r = {.kind = REPORT_STUB, .u.stub = *stub, .fd = -1};
	return fdpass_send(sock, &r, sizeof(r), parent);
}

int report_dir(int sock, const struct report_dir *dir)
{
	struct report r = {.kind = REPORT_DIR, .u.dir = *dir, .fd = -1};
	return fdpass_send(sock, &r, sizeof(r), -1);
}

int report_terminal(int sock, int master)
{
	struct report r = {.kind = REPORT_TERMINAL, .fd = -1};
	return fdpass_send(sock, &r, sizeof(r), master);
}

int report_user(int sock, const struct report_user *user, int mounts)
{
	struct report r = {.kind = REPORT_USER, .u.user = *user, .fd = -1};
	return fdpass_send(sock, &r, sizeof(r), mounts);
}

int report_receive(int sock, struct report *ret, struct err *err)
{
	int fd;
	bool cut = false;
	ssize_t n = fdpass_receive(sock, ret, sizeof(*ret), 0, &fd, &cut);
	if (n < 0)
		return err_sys(err, "cannot hear from the sandbox");
	if (n == 0)
		return 0;
	ret->fd = fd;
	if ((size_t)n != sizeof(*ret)) {
		mem_close_p(&ret->fd);
		return err_set(
			err, ERR_SYS, "the sandbox sent %zd bytes instead of %zu", n, sizeof(*ret));
	}
	ret->msg[sizeof(ret->msg) - 1] = '\0';
	return 1;
}
