/* SPDX-License-Identifier: Apache-2.0 */
/* The content of a file, in the cheapest way that the file system has. */
#include "base/fs.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COPY_BUF (256 * KIB)

/* Where copy_file_range(2) cannot copy between these two files, or is not there at all. */
static bool kernel_refuses(int error)
{
	return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS ||
	       error == EPERM;
}

static ssize_t copy_by_hand(int src, int dst, off_t from, size_t n, char *buf)
{
	ssize_t got;
	do
		got = pread(src, buf, n, from);
	while (got < 0 && errno == EINTR);
	for (ssize_t done = 0; done < got;) {
		ssize_t w = pwrite(dst, buf + done, (size_t)(got - done), from + done);
		if (w < 0 && errno != EINTR)
			return -1;
		done += w < 0 ? 0 : w;
	}
	return got;
}

/* A file that became shorter meanwhile ends early. */
static int copy_range(int src, int dst, off_t from, off_t to)
{
	AUTO_FREE char *buf = NULL;
	while (from < to) {
		size_t want = (size_t)(to - from);
		off_t in = from, out = from;
		ssize_t n =
			buf ? copy_by_hand(src, dst, from, want < COPY_BUF ? want : COPY_BUF, buf)
			    : copy_file_range(src, &in, dst, &out, want, 0);
		if (n == 0)
			return 0;
		if (n > 0)
			from += n;
		else if (!buf && kernel_refuses(errno))
			buf = xmalloc(COPY_BUF);
		else if (buf || errno != EINTR)
			return -1;
	}
	return 0;
}

int fs_copy_data(int src, int dst, uint64_t size)
{
	if (size == 0)
		return 0;
	/* small files: the probing costs more than the copy */
	if (size <= 64 * KIB) {
		char buf[64 * KIB];
		ssize_t n = fs_read_upto(src, buf, sizeof(buf));
		return n < 0 ? -1 : fs_write_all(dst, buf, (size_t)n);
	}
	if (ioctl(dst, FICLONE, src) == 0)
		return 0;
	if (ftruncate(dst, (off_t)size) < 0)
		return -1;
	off_t end = (off_t)size;
	for (off_t at = 0; at < end;) {
		off_t data = lseek(src, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			return copy_range(src, dst, at, end);
		off_t hole = lseek(src, data, SEEK_HOLE);
		if (hole < 0 || hole > end)
			hole = end;
		if (copy_range(src, dst, data, hole) < 0)
			return -1;
		at = hole;
	}
	return 0;
}
