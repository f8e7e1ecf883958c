/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

int lock_file(
	int dirfd, const char *name, enum lock_mode mode, bool wait, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = fs_open_plain(dirfd, name, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return err_sys(err, "cannot open the lock '%s'", name);
	int op = (mode == LOCK_SHARED ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB);
	while (flock(fd, op) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK)
			return err_set(err, ERR_BUSY, "'%s' is locked by another process", name);
		return err_sys(err, "cannot lock '%s'", name);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}
