/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/room.h"
#include "store/store_internal.h"

#define BALLAST_FILE "ballast"
#define BALLAST_SIZE (256 * KIB) /* an index.json of about a thousand names */
#define ROOM_MIN (4 * BALLAST_SIZE) /* with less, what somebody is writing now goes first */
#define BLOCK 512 /* st_blocks, whatever the file system's own is */

void ballast_make(struct store *s)
{
	struct stat st;
	struct room room;

	if (fstatat(s->fd, BALLAST_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		(uint64_t)st.st_blocks * BLOCK >= BALLAST_SIZE)
		return;
	if (room_of(s->fd, &room) < 0 || room.bytes < ROOM_MIN)
		return;
	AUTO_FD int fd = fs_open_plain(s->fd, BALLAST_FILE, O_WRONLY | O_CREAT, 0600);
	if (fd >= 0)
		(void)!posix_fallocate(fd, 0, BALLAST_SIZE);
}

bool ballast_drop(struct store *s, int sys)
{
	return (sys == ENOSPC || sys == EDQUOT) && unlinkat(s->fd, BALLAST_FILE, 0) == 0;
}
