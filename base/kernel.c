/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kernel.h"

#include <stdlib.h>
#include <sys/utsname.h>

/* The two leading numbers of "6.1.0-21-amd64". */
static bool parse(const char *text, unsigned long *ret_major, unsigned long *ret_minor)
{
	char *end;
	*ret_major = strtoul(text, &end, 10);
	if (end == text || *end != '.')
		return false;
	const char *minor = end + 1;
	*ret_minor = strtoul(minor, &end, 10);
	return end != minor;
}

bool kernel_at_least(const char *version)
{
	struct utsname u;
	unsigned long major, minor, our_major, our_minor;
	if (!parse(version, &major, &minor))
		return true;
	if (uname(&u) < 0 || !parse(u.release, &our_major, &our_minor))
		return false;
	return our_major != major ? our_major > major : our_minor >= minor;
}
