/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"
#include "base/url_user.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static bool enabled;

void log_enable(bool on)
{
	enabled = on;
}

bool log_enabled(void)
{
	return enabled;
}

void log_debug(const char *fmt, ...)
{
	if (!enabled)
		return;
	char line[1024];
	int n = snprintf(line, sizeof(line), "level=debug mica[%d] %llu us: ", (int)getpid(),
		(unsigned long long)clock_us());
	va_list ap;
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n += m;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	url_user_hide(line, (size_t)n);
	line[n++] = '\n';
	/* one write, so that the lines of several processes do not mix */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
