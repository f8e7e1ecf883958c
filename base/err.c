/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_fill(struct err *err, int code, const char *fmt, ...)
{
	assert(code < 0);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	err->code = code;
	err->sys = 0;
	err->need = 0;
	return code;
}

/* As the rest of the message, and as Go's programs say it: "no such file or directory". Other
 * capitals, as in "RPC struct is bad", stay. A system call that is not there is told with what to
 * do about it. */
const char *err_text(int sys, char buf[ERR_TEXT_MAX])
{
	snprintf(buf, ERR_TEXT_MAX, "%s%s", strerror(sys),
		sys == ENOSYS ? " (mica needs Linux 5.10 or later, and system calls that no "
				"seccomp filter around it hides)"
			      : "");
	if (isupper((unsigned char)buf[0]) && islower((unsigned char)buf[1]))
		buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

int err_fill_sys(struct err *err, const char *fmt, ...)
{
	int sys = errno;
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->msg))
		snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %s", err_text(sys, text));
	err->code = ERR_SYS;
	err->sys = sys;
	err->need = 0;
	errno = sys;
	return ERR_SYS;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	assert(err->code < 0);
	char inner[sizeof(err->msg)];
	memcpy(inner, err->msg, sizeof(inner));
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->msg)) {
		/* a message that does not fit any more loses its end, not the context */
		int room = (int)(sizeof(err->msg) - (size_t)n);
		snprintf(err->msg + n, (size_t)room, ": %.*s", room > 3 ? room - 3 : 0, inner);
	}
	return err->code;
}

void err_clear(struct err *err)
{
	err->code = 0;
	err->sys = 0;
	err->need = 0;
	err->msg[0] = '\0';
}

_Bool err_is_sys(const struct err *err, int sys)
{
	return err->code == ERR_SYS && err->sys == sys;
}
