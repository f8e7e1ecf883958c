/* SPDX-License-Identifier: Apache-2.0 */
#include "run/mode.h"

#include <stdio.h>

static enum mode current;
static char why[1024];

enum mode mode_is(void)
{
	return current;
}

const char *mode_name(void)
{
	switch (current) {
	case MODE_ROOT:
		break;
	case MODE_SUBIDS:
		return "rootless";
	case MODE_SINGLE:
		return "rootless, one user";
	case MODE_CHROOT:
		return "chroot";
	}
	return "root";
}

const char *mode_reason(void)
{
	return why;
}

void mode_set(enum mode mode, const char *reason)
{
	current = mode;
	(void)snprintf(why, sizeof(why), "%s", reason);
}
