/* SPDX-License-Identifier: Apache-2.0 */
#include "store/turns.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/store_internal.h"

#define TURNS_FILE "fetch.lock"

/* A byte of the file stands for a blob: there is nothing to clean up. */
static struct flock byte_of(const struct digest *d)
{
	uint64_t at;
	memcpy(&at, d->b, sizeof(at));
	return (struct flock){.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)(at & (INT64_MAX >> 1)),
		.l_len = 1};
}

/* The lock is that of the open file (F_OFD_SETLK), so that it is gone with its last holder. */
int turn_take(struct store *s, const struct digest *d, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = fs_open_plain(s->fd, TURNS_FILE, O_RDWR | O_CREAT, 0600);
	struct flock lock = byte_of(d);
	if (fd < 0)
		return err_sys(err, "cannot open '%s/" TURNS_FILE "'", s->path);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return err_set(err, ERR_BUSY, "another process fetches it");
		return err_sys(err, "cannot lock '%s/" TURNS_FILE "'", s->path);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

bool turn_is_free(struct store *s, const struct digest *d)
{
	AUTO_FD int fd = fs_open_plain(s->fd, TURNS_FILE, O_RDWR, 0);
	struct flock lock = byte_of(d);
	return fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK;
}
