/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utimensat(2) that does not follow links: of a link, which keeps its owner in its time of access
 * (base/owner.h). Who unpacks and synchronises sets the times of links after their owner.
 */
#include "run/ids_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* What it means for the kernel's to answer: nothing is kept there, or nothing may be done. */
int call_set_times(const struct call *c)
{
	struct timespec times[2] = {{0}, {.tv_nsec = UTIME_NOW}};
	struct stat st;
	const uint64_t path_at = c->n->data.args[1], times_at = c->n->data.args[2];
	int flags = (int)call_arg(c, 3);
	if (!path_at || flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ||
		(times_at && call_read(c, times_at, times, sizeof(times)) < 0))
		return CALL_GO_ON;
	AUTO_FD int fd = call_open_meant(c, (int)call_arg(c, 0), path_at, flags);
	if (fd < 0 || fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ||
		!call_owner(c, fd, &st))
		return CALL_GO_ON;
	times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
	if (!call_still_there(c))
		return -EINTR;
	return utimensat(fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
}
