/* SPDX-License-Identifier: Apache-2.0 */
#include "store/used.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/store_internal.h"

int64_t used_at(const struct store *s, const char *path)
{
	struct stat st;
	return fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_mtim.tv_sec;
}

void used_now(const struct store *s, const char *path)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	int64_t last = s->read_only ? 0 : used_at(s, path);
	if (!last || clock_now().tv_sec - last < USED_PRECISION_S)
		return;
	if (utimensat(s->fd, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		log_debug("cannot set the time of '%s'", path);
}
