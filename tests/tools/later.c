/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: a clock that is an hour ahead. The kernel's own, which files get, is as it was. */
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define AHEAD_SECONDS 3600

int clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, id, ret);
	if (r == 0 && id == CLOCK_REALTIME)
		ret->tv_sec += AHEAD_SECONDS;
	return r;
}
