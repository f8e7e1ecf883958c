/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"
#include "base/url_user.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
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

/* What a registry or an image says may be in it, and it may go to a terminal. */
static void make_harmless(char *s, size_t n)
{
	uint32_t rune;
	for (size_t i = 0, width; i < n; i += width) {
		width = utf8_decode(s + i, n - i, &rune);
		if (rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || rune == UTF8_INVALID)
			memset(s + i, '?', width);
	}
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
	make_harmless(line, (size_t)n);
	line[n++] = '\n';
	/* one write, so that the lines of several processes do not mix */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
